/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shm.h"

/* Shared memory without a name; OpenBSD has no seals against resizing. */
int
shm_area(size_t size)
{
	char	 path[] = "/tmp/wgslirpd.XXXXXXXXXX";
	int	 fd, save_errno;

	if ((fd = shm_mkstemp(path)) == -1)
		return (-1);
	shm_unlink(path);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    ftruncate(fd, (off_t)size) == -1) {
		save_errno = errno;
		close(fd);
		errno = save_errno;
		return (-1);
	}
	return (fd);
}

int
shm_check(int fd, size_t size)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return (-1);
	if (st.st_size != (off_t)size) {
		errno = EINVAL;
		return (-1);
	}
	return (0);
}

/* Only whole areas can be given back here. */
int
shm_forget(void *p, size_t len)
{
	(void)p;
	(void)len;
	errno = EOPNOTSUPP;
	return (-1);
}

int
bell_create(int fds[2])
{
	return (pipe2(fds, O_CLOEXEC | O_NONBLOCK));
}

void
bell_drain(int fd)
{
	char	 buf[64];

	while (read(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf))
		continue;
}

/* malloc(3) keeps little here. */
void
heap_trim(void)
{
}
