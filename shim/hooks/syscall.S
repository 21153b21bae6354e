/*
 * syscall(2): what takes no rights away leaves by a jump, with nothing of ours on the stack.
 * The kernel's vfork and clone return a second time through whoever called them here, and
 * a seventh argument lies in memory of the caller, whether it gave one or not.
 */
        .text
        .globl  syscall
        .type   syscall, @function
syscall:
        .cfi_startproc
        endbr64
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        pushq   %r8
        pushq   %r9
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 56
        call    syscall_that_keeps_rights
        addq    $8, %rsp
        popq    %r9
        popq    %r8
        popq    %rcx
        popq    %rdx
        popq    %rsi
        popq    %rdi
        .cfi_adjust_cfa_offset -56
        testq   %rax, %rax
        jz      syscall_that_takes_rights
        jmp     *%rax
        .cfi_endproc
        .size   syscall, . - syscall
        .section .note.GNU-stack, "", @progbits
