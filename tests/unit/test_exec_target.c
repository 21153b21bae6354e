/* Whether a program can be preloaded (shim/context/exec_target.c). */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context/exec_target.h"

static _Alignas(16) unsigned char head[4096];
static char scratch[TARGET_SCRATCH_BYTES];
static const char *interpreter;

static size_t read_true(void)
{
    int fd = open("/bin/true", O_RDONLY);
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    cr_assert_gt(n, 1000);
    return (size_t)n;
}

static Elf64_Phdr *interp_segment(void)
{
    Elf64_Ehdr *elf = (Elf64_Ehdr *)head;
    Elf64_Phdr *segment = (Elf64_Phdr *)(head + elf->e_phoff);
    while (segment->p_type != PT_INTERP)
        segment++;
    return segment;
}

Test(exec_target, this_systems_programs_take_us)
{
    size_t n = read_true();
    cr_assert_eq(elf_verdict(head, n, &interpreter), ELF_TAKES);
}

Test(exec_target, other_machines_and_word_sizes_refuse)
{
    size_t n = read_true();
    ((Elf64_Ehdr *)head)->e_machine = EM_386;
    cr_assert_eq(elf_verdict(head, n, &interpreter), ELF_REFUSES);
    n = read_true();
    head[EI_CLASS] = ELFCLASS32;
    cr_assert_eq(elf_verdict(head, n, &interpreter), ELF_REFUSES);
}

Test(exec_target, musl_refuses)
{
    size_t n = read_true();
    Elf64_Phdr *segment = interp_segment();
    strcpy((char *)head + segment->p_offset, "/lib/ld-musl-x86_64.so.1");
    cr_assert_eq(elf_verdict(head, n, &interpreter), ELF_REFUSES);
}

Test(exec_target, static_programs_do_not_mind)
{
    size_t n = read_true();
    interp_segment()->p_type = PT_NULL;
    cr_assert_eq(elf_verdict(head, n, &interpreter), ELF_TAKES);
}

Test(exec_target, damaged_files_are_survived)
{
    for (size_t cut = 0; cut < 1200; cut++) {
        read_true();
        unsigned char *exact = malloc(cut);
        memcpy(exact, head, cut);
        elf_verdict(exact, cut, &interpreter);
        free(exact);
    }
    srand(1);
    for (int round = 0; round < 2000; round++) {
        size_t n = read_true();
        for (int i = 0; i < 4; i++)
            head[16 + rand() % 900] = (unsigned char)rand();
        elf_verdict(head, n, &interpreter);
    }
    read_true();
    ((Elf64_Ehdr *)head)->e_phoff = UINT64_MAX - 8;
    cr_assert_eq(elf_verdict(head, sizeof head, &interpreter), ELF_TAKES);
    read_true();
    interp_segment()->p_offset = UINT64_MAX;
    cr_assert_eq(elf_verdict(head, sizeof head, &interpreter), ELF_TAKES);
}

Test(exec_target, scripts_name_their_interpreter)
{
    char text[] = "#! \t/usr/bin/perl -w\n";
    cr_assert_eq(elf_verdict((unsigned char *)text, sizeof text - 1, &interpreter), ELF_SCRIPT);
    cr_assert_str_eq(interpreter, "/usr/bin/perl");
    char none[] = "#!\n", cut[] = "#!/bin/sh", plain[] = "echo hello\n";
    cr_assert_eq(elf_verdict((unsigned char *)none, 3, &interpreter), ELF_TAKES);
    cr_assert_eq(elf_verdict((unsigned char *)cut, 9, &interpreter), ELF_TAKES);
    cr_assert_eq(elf_verdict((unsigned char *)plain, sizeof plain - 1, &interpreter), ELF_TAKES);
}

Test(exec_target, finds_programs_as_execvp_does)
{
    char directory[] = "/tmp/exec_target_XXXXXX", path[64], search[128];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/tool", directory);
    snprintf(search, sizeof search, "/nonexistent::%s:/bin", directory);
    setenv("PATH", search, 1);
    struct exec_target target = { AT_FDCWD, "tool", true };
    cr_assert(!exec_target_find(&target, scratch));
    mkdir(path, 0755);
    cr_assert(!exec_target_find(&target, scratch), "a directory");
    rmdir(path);
    close(open(path, O_CREAT | O_WRONLY, 0644));
    cr_assert(!exec_target_find(&target, scratch), "not executable");
    chmod(path, 0755);
    cr_assert(exec_target_find(&target, scratch));
    cr_assert_str_eq(target.path, path);
    unlink(path);
    rmdir(directory);

    target = (struct exec_target){ AT_FDCWD, "true", false };
    cr_assert(!exec_target_find(&target, scratch), "in this directory only");
    int fd = open("/bin/true", O_RDONLY);
    target = (struct exec_target){ fd, "", false };
    cr_assert(exec_target_find(&target, scratch));
    cr_assert(exec_target_takes(&target, "/bin/true", scratch));
    close(fd);
    target = (struct exec_target){ AT_FDCWD, NULL, false };
    cr_assert(!exec_target_find(&target, scratch));
}

Test(exec_target, nothing_takes_a_library_that_is_not_there)
{
    struct exec_target target = { AT_FDCWD, "/bin/true", false };
    cr_assert(exec_target_takes(&target, "/bin/true", scratch));
    cr_assert(!exec_target_takes(&target, "/nonexistent/libotelshim.so", scratch));
}
