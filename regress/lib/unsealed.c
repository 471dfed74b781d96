/* SPDX-License-Identifier: ISC */

/*
 * The daemon with AddressSanitizer and UndefinedBehaviorSanitizer, or below
 * valgrind: their calls and a filter exclude each other, and the memory they
 * reserve is no process's own.  Linked into such a build alone, in place of
 * what the linker wraps.  With sanitizers what each process has to say of
 * itself is in the log, and it ends by SIGABRT, which no test takes for an
 * orderly end.
 *
 * valgrind looks at what a system call sends.  What goes to another process by
 * shared memory is looked at here.
 *
 * Its wall clock is so many seconds ahead as the file PROGRAM.clock says, a
 * number of eight bytes that may change at any time.
 */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_CHECK_MEM_IS_DEFINED(p, len)	0
#define VALGRIND_MAKE_MEM_UNDEFINED(p, len)	0
#endif

#include "pktq.h"
#include "sandbox.h"

int	 __real_setrlimit(int, const struct rlimit *);
int	 __wrap_setrlimit(int, const struct rlimit *);
int	 __wrap_sandbox_enter(enum sandbox_role, const struct sandbox_path *,
	    size_t, struct sandbox_level *, char *, size_t);
void	 __wrap_sandbox_lock_memory(void);
int	 __real_clock_gettime(clockid_t, struct timespec *);
int	 __wrap_clock_gettime(clockid_t, struct timespec *);
time_t	 __wrap_time(time_t *);
uint32_t __real_pktq_alloc(struct pktq *);
uint32_t __wrap_pktq_alloc(struct pktq *);
int	 __real_pktq_publish(struct pktq *, const struct pktq_desc *,
	    enum pktq_class);
int	 __wrap_pktq_publish(struct pktq *, const struct pktq_desc *,
	    enum pktq_class);
const char	*__asan_default_options(void);
const char	*__ubsan_default_options(void);

static const volatile int64_t	*ahead;

/* Before any process gives up what it needs for it. */
static void __attribute__((constructor))
clock_file(void)
{
	char	 path[1024];
	ssize_t	 n;
	void	*p;
	int	 fd;

	n = readlink("/proc/self/exe", path, sizeof(path) - 7);
	if (n <= 0)
		return;
	memcpy(path + n, ".clock", 7);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	p = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		ahead = p;
	close(fd);
}

int
__wrap_clock_gettime(clockid_t which, struct timespec *ts)
{
	if (__real_clock_gettime(which, ts) == -1)
		return (-1);
	if (which == CLOCK_REALTIME && ahead != NULL)
		ts->tv_sec += *ahead;
	return (0);
}

time_t
__wrap_time(time_t *p)
{
	struct timespec	 ts;

	if (__wrap_clock_gettime(CLOCK_REALTIME, &ts) == -1)
		return (-1);
	if (p != NULL)
		*p = ts.tv_sec;
	return (ts.tv_sec);
}

int
__wrap_setrlimit(int what, const struct rlimit *rl)
{
	return (what == RLIMIT_DATA ? 0 : __real_setrlimit(what, rl));
}

int
__wrap_sandbox_enter(enum sandbox_role role, const struct sandbox_path *paths,
    size_t npaths, struct sandbox_level *level, char *err, size_t errlen)
{
	(void)role;
	(void)paths;
	(void)npaths;
	(void)err;
	(void)errlen;
	memset(level, 0, sizeof(*level));
	return (0);
}

void
__wrap_sandbox_lock_memory(void)
{
}

/* What was in a slot before is another packet's. */
uint32_t
__wrap_pktq_alloc(struct pktq *q)
{
	uint32_t	 slot = __real_pktq_alloc(q);

	if (slot != PKTQ_NOSLOT)
		(void)VALGRIND_MAKE_MEM_UNDEFINED(pktq_slot(q, slot),
		    PKTQ_SLOT_SIZE);
	return (slot);
}

int
__wrap_pktq_publish(struct pktq *q, const struct pktq_desc *d,
    enum pktq_class c)
{
	(void)VALGRIND_CHECK_MEM_IS_DEFINED(d, sizeof(*d));
	(void)VALGRIND_CHECK_MEM_IS_DEFINED(pktq_slot(q, d->slot) +
	    d->off, d->len);
	return (__real_pktq_publish(q, d, c));
}

/* A process that may not be traced cannot look for what it has lost. */
const char *
__asan_default_options(void)
{
	return ("abort_on_error=1:detect_leaks=0:"
	    "detect_stack_use_after_return=0");
}

const char *
__ubsan_default_options(void)
{
	return ("print_stacktrace=1:abort_on_error=1");
}
