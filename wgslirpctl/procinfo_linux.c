/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <fcntl.h>
#include <inttypes.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "procinfo.h"

static FILE *
open_file(pid_t pid, const char *name)
{
	char	 path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return (fopen(path, "re"));
}

int
procinfo_memory(pid_t pid, uint64_t *rss, uint64_t *shared)
{
	uint64_t	 page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE		*f;
	int		 n;

	if ((f = open_file(pid, "statm")) == NULL)
		return (-1);
	n = fscanf(f, "%*u %" SCNu64 " %" SCNu64, rss, shared);
	fclose(f);
	*rss *= page;
	*shared *= page;
	return (n == 2 ? 0 : -1);
}

int
procinfo_owner(pid_t pid, uid_t *uid)
{
	char		 line[256];
	unsigned int	 u;
	FILE		*f;
	int		 found = 0;

	if ((f = open_file(pid, "status")) == NULL)
		return (-1);
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "Uid: %u", &u) == 1;
	fclose(f);
	if (!found) {
		errno = EINVAL;
		return (-1);
	}
	*uid = u;
	return (0);
}

int
procinfo_cwd(pid_t pid, char *buf, size_t len)
{
	char	 path[64];
	ssize_t	 n;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	if ((n = readlink(path, buf, len - 1)) <= 0)
		return (-1);
	buf[n] = '\0';
	return (0);
}

ssize_t
procinfo_args(pid_t pid, char *buf, size_t len)
{
	char	 path[64];
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = read(fd, buf, len - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	if ((size_t)n == len - 1) {
		errno = E2BIG;
		return (-1);
	}
	buf[n] = '\0';
	return (n);
}
