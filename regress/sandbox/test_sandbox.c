/* SPDX-License-Identifier: ISC */

/*
 * What each process may not do.  Every case runs in a process of its own
 * that has entered a profile; a refused call has to kill it with SIGSYS,
 * or fail with the error that is named.
 */

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/filter.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define ALL	0x7f
#define P	(1 << SANDBOX_PARENT)
#define C	(1 << SANDBOX_CRYPTO)
#define S	(1 << SANDBOX_SLIRP)
#define T	(1 << SANDBOX_CONTROL)
#define D	(1 << SANDBOX_DERP)
#define W	(1 << SANDBOX_WEB)
#define F	(1 << SANDBOX_FILES)

#define KILLED	-1		/* instead of an errno */

static char	 dir[] = "/tmp/wgslirpd-sandbox.XXXXXX";
static int	 inner;		/* a socket that was open before */

static int
t_open_read(void)
{
	return (open("/etc/passwd", O_RDONLY));
}

/* The call that musl makes of open(3), where there is one. */
static int
old_open(const char *path, int flags)
{
#ifdef SYS_open
	return ((int)syscall(SYS_open, path, flags, 0600));
#else
	return (open(path, flags, 0600));
#endif
}

static int
t_old_open_read(void)
{
	return (old_open("/etc/passwd", O_RDONLY));
}

static int
t_old_open_write(void)
{
	return (old_open("/dev/null", O_RDWR));
}

static int
t_readv(void)
{
	char		 c;
	struct iovec	 v = { &c, 0 };

	return ((int)readv(inner, &v, 0));
}

static int
t_open_conf(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	return (open(path, O_RDONLY));
}

static int
t_open_write(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	return (open(path, O_WRONLY));
}

static int
t_create(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/new", dir);
	return (open(path, O_RDONLY | O_CREAT, 0600));
}

static int
new_file(const char *path)
{
	return (open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static int
t_new_file(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/made", dir);
	return (new_file(path));
}

static int
t_new_elsewhere(void)
{
	return (new_file("/tmp/wgslirpd-sandbox.new"));
}

static int
t_rename(void)
{
	char	 a[64], b[64];

	snprintf(a, sizeof(a), "%s/made", dir);
	snprintf(b, sizeof(b), "%s/named", dir);
	return (renameat(AT_FDCWD, a, AT_FDCWD, b));
}

static int
t_rename_away(void)
{
	char	 a[64];

	snprintf(a, sizeof(a), "%s/named", dir);
	return (renameat(AT_FDCWD, a, AT_FDCWD, "/tmp/wgslirpd-sandbox.new"));
}

static int
t_unlinkat(void)
{
	char	 a[64];

	snprintf(a, sizeof(a), "%s/named", dir);
	return (unlinkat(AT_FDCWD, a, 0));
}

static int
t_rmdir(void)
{
	return (unlinkat(AT_FDCWD, dir, AT_REMOVEDIR));
}

static int
t_open_trunc(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	return (open(path, O_WRONLY | O_TRUNC));
}

static int
t_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return (-1);
}

static int
t_fork(void)
{
	return ((int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int
t_socket_inet(void)
{
	return (socket(AF_INET, SOCK_STREAM, 0));
}

static int
t_socket_udp6(void)
{
	return (socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
}

static int
t_socket_raw(void)
{
	return (socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
t_socket_packet(void)
{
	return (socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int
t_socket_unix(void)
{
	return (socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
t_socket_sctp(void)
{
	return (socket(AF_INET, SOCK_STREAM, 132));
}

static int
t_bind(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };

	return (bind(inner, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
bind_tcp(uint16_t port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd, r;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (-1);
	r = bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	return (r);
}

/* An address to come from is one thing, a port to be called at another. */
static int
t_bind_any(void)
{
	return (bind_tcp(0));
}

static int
t_bind_port(void)
{
	return (bind_tcp(40123));
}

/* UDP has no such filter: "preserve ports" is slirp's own to do. */
static int
t_bind_udp(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_DGRAM, 0)) == -1)
		return (-1);
	return (bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

/* A port that a guest asked for by PCP: the parent opens it, nobody else. */
static int
t_listen_port(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return (-1);
	return (listen(fd, 1));
}

static int
t_connect(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };

	return (connect(inner, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
t_listen(void)
{
	return (listen(inner, 1));
}

static int
t_accept(void)
{
	return (accept4(inner, NULL, NULL, SOCK_NONBLOCK));
}

/* The inner socket does not listen, which the kernel says by itself. */
static int
t_accept_next(void)
{
	/* libc's may try accept(2) afterwards */
	return (syscall(SYS_accept4, inner, NULL, NULL, SOCK_CLOEXEC |
	    SOCK_NONBLOCK) == -1 &&
	    (errno == EINVAL || errno == EOPNOTSUPP) ? 0 : -1);
}

static int
t_mmap_exec(void)
{
	return (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static int
t_mprotect_exec(void)
{
	void	*p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
t_mmap(void)
{
	return (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static int
t_ptrace(void)
{
	return ((int)ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static int
t_kill_other(void)
{
	return (kill(getppid(), 0));
}

static int
t_signal_other(void)
{
	return ((int)syscall(SYS_tgkill, 1, 1, 0));
}

static int
t_unlink(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	return (unlink(path));
}

static int
t_chmod(void)
{
	char	 path[64];

	snprintf(path, sizeof(path), "%s/conf", dir);
	return (chmod(path, 0666));
}

static int
t_setuid(void)
{
	return (setuid(0));
}

static int
t_unshare(void)
{
	return ((int)syscall(SYS_unshare, 0));
}

static int
t_mount(void)
{
	return ((int)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, ""));
}

static int
t_getpeername(void)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);

	return (getpeername(inner, (struct sockaddr *)&ss, &len));
}

static int
t_pair_unix(void)
{
	int	 fds[2];

	return (socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static int
t_pair_dgram(void)
{
	int	 fds[2];

	return (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/* What would begin a connection, without connect(2). */
static int
t_fastopen_sendto(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };

	return ((int)sendto(inner, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
	    (struct sockaddr *)&sin, sizeof(sin)));
}

static int
t_fastopen_sendmsg(void)
{
	struct msghdr	 m;

	memset(&m, 0, sizeof(m));
	return ((int)sendmsg(inner, &m, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static int
t_sendto_address(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };

	return ((int)sendto(inner, "x", 1, MSG_NOSIGNAL,
	    (struct sockaddr *)&sin, sizeof(sin)));
}

static int
t_sendmsg(void)
{
	struct msghdr	 m;

	memset(&m, 0, sizeof(m));
	(void)sendmsg(inner, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	return (0);		/* it was called */
}

static int
t_opt_linger(void)
{
	struct linger	 l = { 1, 0 };

	return (setsockopt(inner, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
}

static int
t_opt_reuse(void)
{
	int	 on = 1;

	return (setsockopt(inner, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)));
}

static int
t_opt_share(void)
{
	int	 on = 1;

	return (setsockopt(inner, SOL_SOCKET, SO_REUSEPORT, &on,
	    sizeof(on)));
}

/* A program that steers: only the parent has one, and makes it itself. */
static int
t_opt_steer(void)
{
	struct sock_filter	 ret = { BPF_RET | BPF_K, 0, 0, 0 };
	struct sock_fprog	 p = { 1, &ret };

	return (setsockopt(inner, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &p,
	    sizeof(p)));
}

static int
t_munlock(void)
{
	static char	 page[4096];

	return (munlock(page, sizeof(page)));
}

static int
t_opt_device(void)
{
	return (setsockopt(inner, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
}

static int
t_opt_congestion(void)
{
	return (setsockopt(inner, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
}

static int
t_opt_timeout(void)
{
	int	 ms = 1000;

	return (setsockopt(inner, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
	    sizeof(ms)));
}

/* A folder's names; a descriptor that is none will do. */
static int
t_getdents(void)
{
	char	 buf[256];

	if (syscall(SYS_getdents64, inner, buf, sizeof(buf)) == -1 &&
	    errno != ENOTDIR)
		return (-1);
	return (0);
}

static int
t_opt_ifindex(void)
{
	int	 lo = 1;

	return (setsockopt(inner, SOL_SOCKET, SO_BINDTOIFINDEX, &lo,
	    sizeof(lo)));
}

static int
t_opt_repair(void)
{
	int	 on = 1;

	return (setsockopt(inner, IPPROTO_TCP, 19, &on, sizeof(on)));
}

static int
t_opt_multicast(void)
{
	struct ip_mreq	 m;

	memset(&m, 0, sizeof(m));
	return (setsockopt(inner, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m,
	    sizeof(m)));
}

static int
t_opt_filter(void)
{
	return (setsockopt(inner, SOL_SOCKET, SO_ATTACH_FILTER, "", 0));
}

static int
t_shutdown(void)
{
	return (shutdown(inner, SHUT_RDWR));
}

/* With the flag of fstat(2), and a path all the same. */
static int
t_stat_flag(void)
{
	struct stat	 st;

	return ((int)syscall(SYS_newfstatat, AT_FDCWD, "/etc/shadow", &st,
	    AT_EMPTY_PATH));
}

static int
t_fstat(void)
{
	struct stat	 st;

	return ((int)syscall(SYS_fstat, inner, &st));
}

static int
t_pair_other(void)
{
	int	 fds[2];

	return (socketpair(AF_INET, SOCK_STREAM, 0, fds));
}

static int
t_stat(void)
{
	struct stat	 st;

	return (stat("/etc/passwd", &st));
}

static int
t_ioctl_tty(void)
{
	char	 c = 'x';

	return (ioctl(0, TIOCSTI, &c));
}

static int
t_ioctl_len(void)
{
	int	 n;

	return (ioctl(inner, FIONREAD, &n));
}

static int
t_truncate_log(void)
{
	return (ftruncate(2, 0));
}

static int
t_truncate_some(void)
{
	return (ftruncate(inner, 100));
}

static int
t_truncate(void)
{
	/* a socket has no length, which the kernel says by itself */
	return (ftruncate(inner, 0) == -1 && errno == EINVAL ? 0 : -1);
}

static int
t_fcntl_owner(void)
{
	return (fcntl(inner, F_SETOWN, 1));
}

static int
t_prctl(void)
{
	return (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
t_io_uring(void)
{
	return ((int)syscall(425, 1, NULL));
}

static int
t_fastopen_sendmmsg(void)
{
	struct mmsghdr	 m;

	memset(&m, 0, sizeof(m));
	return (sendmmsg(inner, &m, 1, MSG_FASTOPEN));
}

static int
t_opt_notsent(void)
{
	int	 v = 32768;

	return (setsockopt(inner, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &v,
	    sizeof(v)));
}

static int
t_getuid(void)
{
	return ((int)syscall(SYS_getuid));
}

static int
t_random(void)
{
	char	 b[16];

	return ((int)syscall(SYS_getrandom, b, sizeof(b), 0));
}

static int
t_bpf(void)
{
	return ((int)syscall(SYS_bpf, 0, NULL, 0));
}

#if defined(__x86_64__)
/* Calls that no process has a use for, by their numbers alone. */
static int
t_vm_readv(void)
{
	return ((int)syscall(SYS_process_vm_readv, getpid(), NULL, 0UL, NULL,
	    0UL, 0UL));
}

static int
t_pidfd(void)
{
	return ((int)syscall(SYS_pidfd_open, 1, 0));
}

static int
t_pidfd_getfd(void)
{
	return ((int)syscall(SYS_pidfd_getfd, -1, 0, 0));
}

static int
t_perf(void)
{
	return ((int)syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0UL));
}

static int
t_userfaultfd(void)
{
	return ((int)syscall(SYS_userfaultfd, 0));
}

static int
t_memfd(void)
{
	return ((int)syscall(SYS_memfd_create, "x", 0));
}

static int
t_execveat(void)
{
	return ((int)syscall(SYS_execveat, -1, "", NULL, NULL, 0));
}

static int
t_clone3(void)
{
	return ((int)syscall(SYS_clone3, NULL, 0UL));
}

static int
t_keyctl(void)
{
	return ((int)syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
t_setns(void)
{
	return ((int)syscall(SYS_setns, -1, 0));
}

/* To live on when the parent is gone. */
static int
t_orphan(void)
{
	return (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

/* open(2) by its number in another architecture's table. */
static int
t_i386(void)
{
	int	 r = -1;

#if defined(__x86_64__)
	__asm__ volatile ("int $0x80" : "=a" (r) : "a" (5), "b" (0), "c" (0),
	    "d" (0) : "memory");
#else
	raise(SIGSYS);		/* there is none */
#endif
	return (r);
}

static int
t_x32(void)
{
	return ((int)syscall(0x40000000 | SYS_getpid));
}
#endif

static const struct testcase {
	const char	*name;
	int		 (*fn)(void);
	int		 refused;	/* roles */
	int		 how;		/* KILLED or an errno */
	int		 allowed;	/* roles */
} cases[] = {
	{ "open a file", t_open_read, C | S | T | W, KILLED, 0 },
	{ "open a file, derp", t_open_read, D, ENOSYS, 0 },
	{ "open a file elsewhere", t_open_read, P | F, EACCES, 0 },
	{ "open the configuration", t_open_conf, C | S | T | W, KILLED,
	    P | F },
	{ "open the configuration, derp", t_open_conf, D, ENOSYS, 0 },
	{ "open for writing", t_open_write, P | C | S | T | W | F, KILLED, 0 },
	{ "open(2) a file", t_old_open_read, C | S | T | W, KILLED, 0 },
	{ "open(2) a file elsewhere", t_old_open_read, P | F, EACCES, 0 },
	{ "open(2) for writing", t_old_open_write, P | C | S | T | W | F,
	    KILLED, 0 },
	{ "readv", t_readv, C | D | F, KILLED, 0 },
	{ "open for writing, derp", t_open_write, D, ENOSYS, 0 },
	{ "create a file", t_create, P | C | S | T | W | F, KILLED, 0 },
	{ "create a file, derp", t_create, D, ENOSYS, 0 },
	{ "execute", t_exec, ALL, KILLED, 0 },
	{ "fork", t_fork, ALL, KILLED, 0 },
	{ "TCP socket", t_socket_inet, C | T | W | F, KILLED, P | S | D },
	{ "UDP socket", t_socket_udp6, C | T | D | W | F, KILLED, P | S },
	{ "raw socket", t_socket_raw, ALL, KILLED, 0 },
	{ "packet socket", t_socket_packet, ALL, KILLED, 0 },
	{ "SCTP socket", t_socket_sctp, ALL, KILLED, 0 },
	{ "UNIX socket", t_socket_unix, C | S | T | D | W | F, KILLED, P },
	{ "bind", t_bind, C | T | D | W | F, KILLED, 0 },
	{ "TCP from an address", t_bind_any, C | T | D | W | F, KILLED, S },
	{ "TCP at a port", t_bind_port, S, EACCES, 0 },
	{ "connect", t_connect, C | T | W | F, KILLED, 0 },
	{ "UDP at a port", t_bind_udp, C | T | D | W | F, KILLED, P | S },
	{ "a port to be called at", t_listen_port, C | S | T | D | W | F,
	    KILLED, P },
	{ "listen", t_listen, C | S | T | D | W | F, KILLED, 0 },
	{ "accept", t_accept, P | C | D | F, KILLED, 0 },
	{ "accept who takes over", t_accept_next, C | D | F, KILLED, P },
	{ "address of a peer", t_getpeername, P | C | D | F, KILLED, 0 },
	{ "UNIX socket pair", t_pair_unix, ALL, KILLED, 0 },
	{ "UNIX datagram pair", t_pair_dgram, ALL, KILLED, 0 },
	{ "sendto that connects", t_fastopen_sendto, ALL, KILLED, 0 },
	{ "sendmsg that connects", t_fastopen_sendmsg, ALL, KILLED, 0 },
	{ "sendto an address", t_sendto_address, C | S | T | D | W | F, KILLED,
	    0 },
	{ "sendmsg", t_sendmsg, 0, 0, ALL },
	{ "SO_LINGER", t_opt_linger, P | C | T | D | W | F, KILLED, S },
	{ "SO_REUSEADDR", t_opt_reuse, C | S | T | D | W | F, KILLED, P },
	{ "SO_REUSEPORT", t_opt_share, C | S | T | D | W | F, KILLED, P },
	{ "SO_ATTACH_REUSEPORT_CBPF", t_opt_steer, C | S | T | D | W | F,
	    KILLED, P },
	{ "munlock", t_munlock, P | S | T | F, KILLED, C },
	{ "munlock, derp", t_munlock, D | W, ENOSYS, 0 },
	{ "SO_BINDTOIFINDEX", t_opt_ifindex, P | C | T | D | W | F, KILLED, S },
	{ "SO_BINDTODEVICE", t_opt_device, ALL, KILLED, 0 },
	{ "TCP_CONGESTION", t_opt_congestion, P | C | T | D | W | F, KILLED,
	    S },
	{ "TCP_USER_TIMEOUT", t_opt_timeout, P | C | T | W | F, KILLED, S | D },
	{ "names of a folder", t_getdents, C | S | T | W, KILLED, P },
	{ "names of a folder, derp", t_getdents, D, ENOSYS, 0 },
	{ "TCP_REPAIR", t_opt_repair, ALL, KILLED, 0 },
	{ "join a group", t_opt_multicast, ALL, KILLED, 0 },
	{ "socket filter", t_opt_filter, ALL, KILLED, 0 },
	{ "shutdown", t_shutdown, P | C | T | D | W | F, KILLED, 0 },
	{ "stat a path as fstat does", t_stat_flag, C | S | T | D | W, ENOSYS,
	    0 },
	{ "stat a descriptor", t_fstat, 0, 0, ALL },
	{ "another socket pair", t_pair_other, ALL, KILLED, 0 },
	{ "executable memory", t_mmap_exec, ALL, KILLED, 0 },
	{ "make memory executable", t_mprotect_exec, ALL, KILLED, 0 },
	{ "memory", t_mmap, 0, 0, ALL },
	{ "ptrace", t_ptrace, ALL, KILLED, 0 },
	{ "kill", t_kill_other, C | S | T | D | W | F, KILLED, 0 },
	{ "signal another process", t_signal_other, ALL, KILLED, 0 },
	{ "unlink", t_unlink, C | S | T | D | W | F, KILLED, 0 },
	{ "unlink the configuration", t_unlink, P, EACCES, 0 },
	{ "chmod", t_chmod, ALL, KILLED, 0 },
	{ "setuid", t_setuid, ALL, KILLED, 0 },
	{ "unshare", t_unshare, ALL, KILLED, 0 },
	{ "mount", t_mount, ALL, KILLED, 0 },
	{ "stat a path", t_stat, C | S | T | D | W, ENOSYS, 0 },
	{ "stat a path, the parent", t_stat, P, KILLED, 0 },
	{ "push terminal input", t_ioctl_tty, ALL, KILLED, 0 },
	{ "empty the log", t_truncate_log, ALL, KILLED, 0 },
	{ "cut a file", t_truncate_some, ALL, KILLED, 0 },
	{ "empty a file", t_truncate, P | C | S | D | W | F, KILLED, T },
	{ "ask for a queue length", t_ioctl_len, C | D | F, KILLED,
	    P | S | T | W },
	{ "signal-driven I/O", t_fcntl_owner, ALL, KILLED, 0 },
	{ "become dumpable", t_prctl, ALL, KILLED, 0 },
	{ "io_uring", t_io_uring, ALL, KILLED, 0 },
	{ "bpf", t_bpf, ALL, KILLED, 0 },
#if defined(__x86_64__)
	{ "x32 call", t_x32, ALL, KILLED, 0 },
	{ "32-bit call", t_i386, ALL, KILLED, 0 },
	{ "read another's memory", t_vm_readv, ALL, KILLED, 0 },
	{ "pidfd_open", t_pidfd, ALL, KILLED, 0 },
	{ "pidfd_getfd", t_pidfd_getfd, ALL, KILLED, 0 },
	{ "perf_event_open", t_perf, ALL, KILLED, 0 },
	{ "userfaultfd", t_userfaultfd, ALL, KILLED, 0 },
	{ "memfd_create", t_memfd, ALL, KILLED, 0 },
	{ "execveat", t_execveat, ALL, KILLED, 0 },
	{ "clone3", t_clone3, ALL, KILLED, 0 },
	{ "keyctl", t_keyctl, ALL, KILLED, 0 },
	{ "setns", t_setns, ALL, KILLED, 0 },
	{ "outlive the parent", t_orphan, ALL, KILLED, 0 },
#endif
	{ "sendmmsg that connects", t_fastopen_sendmmsg, ALL, KILLED, 0 },
	{ "TCP_NOTSENT_LOWAT", t_opt_notsent, P | C | S | T | W | F, KILLED,
	    D },
	{ "who is it, derp", t_getuid, D, ENOSYS, 0 },
	{ "a new file", t_new_file, P | C | S | T | W, KILLED, F },
	{ "a new file, derp", t_new_file, D, ENOSYS, 0 },
	{ "a new file elsewhere", t_new_elsewhere, F, EACCES, 0 },
	{ "another name", t_rename, ALL & ~F, KILLED, F },
	{ "another name elsewhere", t_rename_away, F, EACCES, 0 },
	{ "a file that goes", t_unlinkat, ALL & ~(F | P), KILLED, F },
	{ "a folder that goes", t_rmdir, F, KILLED, 0 },
	{ "cut when opened", t_open_trunc, F, KILLED, 0 },
	{ "names of the folder", t_getdents, 0, 0, F },
	{ "randomness", t_random, 0, 0, ALL }
};

static const char *const	 roles[] = { "parent", "crypto", "slirp",
				    "control", "derp", "web", "files" };

/* Exit status of the call in a profile: 0 done, 1 to 250 errno, -1 killed. */
static int
try(int role, int (*fn)(void), const struct sandbox_path *paths, size_t n)
{
	struct sandbox_level	 level;
	char			 err[256];
	pid_t			 pid;
	int			 status;

	if ((pid = fork()) == 0) {
		if (sandbox_early(err, sizeof(err)) == -1 ||
		    sandbox_enter((enum sandbox_role)role, paths, n, &level,
		    err, sizeof(err)) == -1)
			_exit(251);
		/* 252: this kernel has not what refuses it */
		if ((level.landlock == 0 && (role == SANDBOX_PARENT ||
		    role == SANDBOX_FILES)) ||
		    (level.landlock < 4 && fn == t_bind_port))
			_exit(252);
		_exit(fn() == -1 ? errno : 0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return (253);
	if (WIFSIGNALED(status))
		return (WTERMSIG(status) == SIGSYS ? KILLED : 254);
	return (WEXITSTATUS(status));
}

int
main(void)
{
	struct sandbox_path	 paths[1];
	char			 conf[64];
	size_t			 i;
	int			 role, r, fd, bad = 0, good = 0, want;

	if (mkdtemp(dir) == NULL)
		return (1);
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	if ((fd = open(conf, O_WRONLY | O_CREAT, 0600)) == -1)
		return (1);
	close(fd);
	paths[0].path = dir;
	paths[0].how = SANDBOX_READ;
	inner = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (role = 0; role < 7; role++) {
			if (cases[i].refused & 1 << role)
				want = cases[i].how;
			else if (cases[i].allowed & 1 << role)
				want = 0;
			else
				continue;
			paths[0].how = role == SANDBOX_FILES ? SANDBOX_EDIT :
			    SANDBOX_READ;
			r = try(role, cases[i].fn, paths,
			    role == SANDBOX_PARENT || role == SANDBOX_FILES);
			if (r == 252 && want == EACCES) {
				printf("skip sandbox/%s: %s (no Landlock)\n",
				    roles[role], cases[i].name);
				continue;
			}
			if (r == want) {
				good++;
				continue;
			}
			bad++;
			printf("FAIL sandbox/%s: %s: wanted %d, got %d\n",
			    roles[role], cases[i].name, want, r);
		}
	}
	unlink(conf);
	rmdir(dir);
	printf("%d passed, %d failed\n", good, bad);
	return (bad != 0);
}
