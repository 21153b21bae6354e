/*
 * dlopen, dlsym and their kin find their answer by the caller's address (RUNPATH,
 * $ORIGIN, RTLD_NEXT): the real functions must see the program as their caller, so
 * our hooks look first and then jump, leaving no frame.
 */
        .text
        .macro  enter_hook
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        .endm

        .macro  leave_hook
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .endm

        /* void *dlsym(void *handle, const char *name)
         * loader_dlsym(handle, name, *jump): our answer, or NULL and where to jump. */
        .macro  symbol_hook name, helper
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        enter_hook
        subq    $16, %rsp
        .cfi_adjust_cfa_offset 16
        movq    %rsp, %rcx
        call    \helper
        movq    (%rsp), %r11
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        leave_hook
        testq   %r11, %r11
        jz      1f
        jmp     *%r11
1:      ret
        .cfi_endproc
        .size   \name, . - \name
        .endm

        symbol_hook dlsym, loader_dlsym
        symbol_hook dlvsym, loader_dlvsym

        /* void *dlopen(const char *file, int flags): the flags may change. */
        .globl  dlopen
        .type   dlopen, @function
dlopen:
        .cfi_startproc
        enter_hook
        subq    $16, %rsp
        .cfi_adjust_cfa_offset 16
        movq    %rsp, %rdx
        call    loader_dlopen
        movq    (%rsp), %r11
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        leave_hook
        movl    %eax, %esi
        jmp     *%r11
        .cfi_endproc
        .size   dlopen, . - dlopen

        /* int dlclose(void *handle) */
        .globl  dlclose
        .type   dlclose, @function
dlclose:
        .cfi_startproc
        enter_hook
        subq    $16, %rsp
        .cfi_adjust_cfa_offset 16
        call    loader_dlclose
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        leave_hook
        jmp     *%rax
        .cfi_endproc
        .size   dlclose, . - dlclose
        .section .note.GNU-stack, "", @progbits
