/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "shm.h"

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * Anonymous memory of exactly size bytes that nobody can resize: a
 * shrunk mapping would turn into SIGBUS.  Returns a descriptor or -1.
 */
int
shm_area(size_t size)
{
	int	 fd, save_errno;

	fd = memfd_create("wgslirpd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return (-1);
	if (ftruncate(fd, (off_t)size) == -1 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) == -1) {
		save_errno = errno;
		close(fd);
		errno = save_errno;
		return (-1);
	}
	return (fd);
}

/* A received descriptor must be such an area of that size. */
int
shm_check(int fd, size_t size)
{
	struct stat	 st;
	int		 seals;

	/* libc's may look at paths, which a child may not */
	if (syscall(SYS_fstat, fd, &st) == -1)
		return (-1);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & SEALS) != SEALS ||
	    st.st_size != (off_t)size) {
		errno = EINVAL;
		return (-1);
	}
	return (0);
}

int
shm_forget(void *p, size_t len)
{
	return (madvise(p, len, MADV_REMOVE));
}

/* fds[0] becomes readable when fds[1] is written to. */
int
bell_create(int fds[2])
{
	if ((fds[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		return (-1);
	if ((fds[1] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) == -1) {
		close(fds[0]);
		return (-1);
	}
	return (0);
}

void
bell_drain(int fd)
{
	char	 buf[64];

	while (read(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf))
		continue;
}

void
heap_trim(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
