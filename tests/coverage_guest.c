/*
 * Manners for the coverage run-time (make coverage) in a stranger's process. As it starts it
 * sets a variable in the environment, which the program would see and pass on, and leaves its
 * errno to main. Both objects are linked with --wrap for these two; neither calls setenv itself.
 */
#include <errno.h>

int __wrap_setenv(const char *name, const char *value, int overwrite);
void __real___llvm_profile_initialize(void);
void __wrap___llvm_profile_initialize(void);

int __wrap_setenv(const char *name, const char *value, int overwrite)
{
    (void)name;
    (void)value;
    (void)overwrite;
    return 0;
}

void __wrap___llvm_profile_initialize(void)
{
    int saved_errno = errno;
    __real___llvm_profile_initialize();
    errno = saved_errno;
}
