/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "procinfo.h"

static int
get(pid_t pid, struct kinfo_proc *kp)
{
	int	 mib[6] = { CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid,
		    (int)sizeof(*kp), 1 };
	size_t	 len = sizeof(*kp);

	if (sysctl(mib, 6, kp, &len, NULL, 0) == -1)
		return (-1);
	if (len != sizeof(*kp)) {
		errno = ESRCH;
		return (-1);
	}
	return (0);
}

/* What of it is shared is not told. */
int
procinfo_memory(pid_t pid, uint64_t *rss, uint64_t *shared)
{
	struct kinfo_proc	 kp;

	if (get(pid, &kp) == -1)
		return (-1);
	*rss = (uint64_t)kp.p_vm_rssize * (uint64_t)sysconf(_SC_PAGESIZE);
	*shared = 0;
	return (0);
}

int
procinfo_owner(pid_t pid, uid_t *uid)
{
	struct kinfo_proc	 kp;

	if (get(pid, &kp) == -1)
		return (-1);
	*uid = kp.p_ruid;
	return (0);
}

int
procinfo_cwd(pid_t pid, char *buf, size_t len)
{
	int	 mib[3] = { CTL_KERN, KERN_PROC_CWD, (int)pid };

	return (sysctl(mib, 3, buf, &len, NULL, 0));
}

/* A table of pointers comes first, into what follows it. */
ssize_t
procinfo_args(pid_t pid, char *buf, size_t len)
{
	_Alignas(char *) char	 raw[16384];
	char	**v = (char **)(void *)raw;
	int	 mib[4] = { CTL_KERN, KERN_PROC_ARGS, (int)pid,
		    KERN_PROC_ARGV };
	size_t	 n = sizeof(raw), used = 0, l, i;

	if (sysctl(mib, 4, raw, &n, NULL, 0) == -1)
		return (-1);
	for (i = 0; (i + 1) * sizeof(*v) <= n && v[i] != NULL; i++) {
		if (v[i] < raw || v[i] >= raw + n)
			break;
		l = strnlen(v[i], (size_t)(raw + n - v[i]));
		if (l >= len - used) {
			errno = E2BIG;
			return (-1);
		}
		memcpy(buf + used, v[i], l);
		buf[used + l] = '\0';
		used += l + 1;
	}
	if (used == 0) {
		errno = EINVAL;
		return (-1);
	}
	return ((ssize_t)used);
}
