/*
 * vfork: the child runs in its parent's memory and on its stack, then the call
 * returns a second time, in the parent. A C wrapper's frame would be overwritten
 * by the child; so the hook leaves none: it tells the shim, then jumps.
 */
        .text
        .globl  vfork, __vfork
        .type   vfork, @function
        .type   __vfork, @function
__vfork:
vfork:
        .cfi_startproc
        endbr64
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    fork_before_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        jmp     *%rax
        .cfi_endproc
        .size   vfork, . - vfork
        .size   __vfork, . - __vfork
        .section .note.GNU-stack, "", @progbits
