/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * A child confines itself in this order: sandbox_early() makes it not
 * dumpable, sets no_new_privs and its limits; sandbox_drop() changes root
 * and user when started as root; sandbox_enter() adds Landlock and, last,
 * a seccomp filter.  No untrusted byte was read before that.
 *
 * The filter is an allow-list.  Everything else kills the process, so
 * that an exploit attempt ends the daemon and is seen, except a few
 * probes of libc, which get ENOSYS.  Each entry says who needs it; each
 * argument check exists because the plain call would allow more than the
 * process is for.  regress/sandbox proves what is refused.
 */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <asm/ioctls.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#if defined(__x86_64__)
#define SANDBOX_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH	AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SANDBOX_ARCH	AUDIT_ARCH_RISCV64
#else
#error "no seccomp profile for this architecture"
#endif

#define EMPTY_DIR	"/var/empty"

/* MSG_FASTOPEN, for one, would connect. */
#define SEND_FLAGS	((uint32_t)(MSG_NOSIGNAL | MSG_DONTWAIT))

enum arg_check {
	ARG_ANY,
	ARG_EPERM,		/* refuse politely */
	ARG_ENOSYS,		/* pretend the kernel is older */
	ARG_KILL,		/* what other processes are refused politely */
	ARG_TCP_SOCKET,		/* IPv4/IPv6, stream */
	ARG_INET_SOCKET,	/* IPv4/IPv6, stream or datagram, no raw */
	ARG_PARENT_SOCKET,	/* the same, and unix and netlink */
	ARG_NO_EXEC,		/* mmap, mprotect: never executable */
	ARG_READONLY,		/* openat: O_RDONLY only */
	ARG_OLD_READONLY,	/* open: the same */
	ARG_FCNTL,		/* to look, and close-on-exec */
	ARG_PARENT_FCNTL,	/* the same, duplication, non-blocking */
	ARG_STAT_FD,		/* newfstatat: as fstat(2) calls it */
	ARG_SENDMSG,		/* flags that do not begin a connection */
	ARG_SENDMMSG,		/* the same of sendmmsg */
	ARG_SEND,		/* sendto: the same, and to nobody by name */
	ARG_SENDTO,		/* sendto: the same flags, to an address */
	ARG_HOST_OPTION,	/* setsockopt: sockets of guests' flows */
	ARG_RELAY_OPTION,	/* setsockopt: connections to relays */
	ARG_LISTEN_OPTION,	/* setsockopt: sockets that the parent binds */
	ARG_IOCTL,		/* queue lengths only */
	ARG_EDIT,		/* openat: to read, or a new file */
	ARG_OLD_EDIT,		/* open: the same */
	ARG_FILE,		/* unlinkat: no folder */
	ARG_EMPTY,		/* ftruncate: to nothing, and not the log */
	ARG_ACCEPT,		/* accept4: as handover.c calls it */
	ARG_SIGNAL_SELF		/* tgkill: abort(3) of this process */
};

struct rule {
	int		 nr;
	enum arg_check	 check;
};

/* What libc, libevent, libcrypto and malloc do in every process. */
static const struct rule rules_common[] = {
	{ __NR_read, ARG_ANY },		/* doorbell, signal pipe */
	{ __NR_write, ARG_ANY },	/* doorbell, log to stderr */
	{ __NR_recvmsg, ARG_ANY },	/* imsg; UDP */
	{ __NR_sendmsg, ARG_SENDMSG },	/* imsg; UDP */
#ifdef __NR_epoll_wait
	{ __NR_epoll_wait, ARG_ANY },	/* libevent, and slirp's flows */
#endif
	{ __NR_epoll_pwait, ARG_ANY },	/* libevent */
	{ __NR_epoll_ctl, ARG_ANY },	/* the same */
	{ __NR_clock_gettime, ARG_ANY },/* no vDSO: some clock sources */
	{ __NR_gettimeofday, ARG_ANY },	/* the same */
#ifdef __NR_time
	{ __NR_time, ARG_ANY },		/* the same */
#endif
	{ __NR_close, ARG_ANY },	/* all */
	{ __NR_brk, ARG_ANY },		/* malloc */
	{ __NR_mmap, ARG_NO_EXEC },	/* malloc, packet queue */
	{ __NR_munmap, ARG_ANY },	/* malloc */
	{ __NR_mremap, ARG_ANY },	/* realloc */
	{ __NR_madvise, ARG_ANY },	/* free, packet queue */
	{ __NR_mprotect, ARG_NO_EXEC },	/* malloc */
	{ __NR_futex, ARG_ANY },	/* libc and libcrypto locks */
	{ __NR_getrandom, ARG_ANY },	/* arc4random, libcrypto reseed */
	{ __NR_getpid, ARG_ANY },	/* libcrypto fork check */
	{ __NR_gettid, ARG_ANY },	/* abort(3) */
	{ __NR_tgkill, ARG_SIGNAL_SELF },/* abort(3) */
	{ __NR_rt_sigaction, ARG_ANY },	/* libevent */
	{ __NR_rt_sigprocmask, ARG_ANY },/* abort(3), libevent */
	{ __NR_rt_sigreturn, ARG_ANY },	/* signal handlers */
	{ __NR_restart_syscall, ARG_ANY },/* stopped and continued */
	{ __NR_ppoll, ARG_ANY },	/* imsgbuf_flush, naps */
#ifdef __NR_poll
	{ __NR_poll, ARG_ANY },		/* imsgbuf_flush */
#endif
	{ __NR_fcntl, ARG_FCNTL },	/* queue seals; never F_SETFL: a
					   doorbell is shared */
	{ __NR_fstat, ARG_ANY },	/* queue size, stdio */
	{ __NR_newfstatat, ARG_ENOSYS },/* a path can be looked at by it,
					   whatever its flags say */
#ifdef __NR_stat
	{ __NR_stat, ARG_ENOSYS },	/* the same, by musl */
	{ __NR_lstat, ARG_ENOSYS },	/* the same */
#endif
#ifdef __NR_accept
	{ __NR_accept, ARG_ENOSYS },	/* musl, after an odd accept4 */
#endif
	{ __NR_exit, ARG_ANY },		/* the end */
	{ __NR_exit_group, ARG_ANY },	/* the end */
	{ __NR_rseq, ARG_ENOSYS },	/* libc probe */
	{ __NR_membarrier, ARG_ENOSYS },/* libc probe */
	{ __NR_prlimit64, ARG_EPERM },	/* sysconf(3) */
	{ __NR_sched_getaffinity, ARG_EPERM }, /* malloc arena count */
	{ __NR_sysinfo, ARG_EPERM }	/* qsort(3) asks for the memory */
};

/* A role's own rules come first: they may say more of the same call. */
static const struct rule rules_parent[] = {
	{ __NR_fcntl, ARG_PARENT_FCNTL },/* sockets for children */
	{ __NR_newfstatat, ARG_STAT_FD },/* fstat(2): key files, stdio */
#ifdef __NR_stat
	{ __NR_stat, ARG_KILL },
	{ __NR_lstat, ARG_KILL },
#endif
	{ __NR_openat, ARG_READONLY },	/* configuration, key files */
#ifdef __NR_open
	{ __NR_open, ARG_OLD_READONLY },/* the same, by musl */
#endif
	{ __NR_pread64, ARG_ANY },	/* is it a file of certificates */
	{ __NR_readv, ARG_ANY },	/* stdio, by musl */
	{ __NR_writev, ARG_ANY },	/* the same */
	{ __NR_lseek, ARG_ANY },	/* stdio */
	{ __NR_getdents64, ARG_ANY },	/* include with a pattern */
	{ __NR_socket, ARG_PARENT_SOCKET },/* listen, syslog, interfaces */
	{ __NR_bind, ARG_ANY },		/* own and guests' ports, netlink */
	{ __NR_listen, ARG_ANY },	/* control socket, guests' ports */
	{ __NR_accept4, ARG_ACCEPT },	/* who takes this one's place */
	{ __NR_connect, ARG_ANY },	/* syslog */
	{ __NR_setsockopt, ARG_LISTEN_OPTION },/* listen sockets */
	{ __NR_getsockopt, ARG_ANY },	/* kind, families of a socket */
	{ __NR_getsockname, ARG_ANY },	/* getifaddrs */
	{ __NR_sendto, ARG_SENDTO },	/* syslog, rtnetlink */
	{ __NR_recvfrom, ARG_ANY },	/* rtnetlink */
	{ __NR_kill, ARG_ANY },		/* stop the children */
	{ __NR_wait4, ARG_ANY },	/* reap the children */
	{ __NR_unlinkat, ARG_ANY },	/* control socket at the end */
#ifdef __NR_unlink
	{ __NR_unlink, ARG_ANY },	/* the same */
#endif
	{ __NR_umask, ARG_ANY },	/* control socket */
	{ __NR_geteuid, ARG_ANY },	/* owner of key files */
	{ __NR_getuid, ARG_ANY },	/* libc: is it set-user-ID */
	{ __NR_ioctl, ARG_IOCTL }	/* stdio: is it a terminal */
};

static const struct rule rules_crypto[] = {
	{ __NR_recvmmsg, ARG_ANY },	/* UDP batches */
	{ __NR_getsockname, ARG_ANY },	/* family and port of a socket */
	{ __NR_getsockopt, ARG_ANY },	/* does it take both families; drops */
	{ __NR_munlock, ARG_ANY }	/* packets: memory to be given back */
};

static const struct rule rules_slirp[] = {
	{ __NR_pread64, ARG_ANY },	/* lists of names */
	{ __NR_readv, ARG_ANY },	/* host TCP into packet slots */
	{ __NR_recvmmsg, ARG_ANY },	/* host UDP */
	{ __NR_recvfrom, ARG_ANY },	/* DNS client, forwards, proxy */
	{ __NR_sendto, ARG_SEND },	/* DNS client, proxy */
	{ __NR_writev, ARG_ANY },	/* DNS client over TCP */
	{ __NR_shutdown, ARG_ANY },	/* half-close */
	{ __NR_socket, ARG_INET_SOCKET },/* guests' flows, DNS client */
	{ __NR_accept4, ARG_ANY },	/* clients of forwards and proxy */
	{ __NR_getpeername, ARG_ANY },	/* may this client use them */
	{ __NR_connect, ARG_ANY },	/* guests' TCP */
	{ __NR_bind, ARG_ANY },		/* UDP: proxy, ports kept; addresses */
	{ __NR_getsockname, ARG_ANY },	/* id of a ping socket */
	{ __NR_getegid, ARG_ANY },	/* to name it where it may not ping */
	{ __NR_getsockopt, ARG_ANY },	/* SO_ERROR */
	{ __NR_setsockopt, ARG_HOST_OPTION },/* TTL, linger, error queue */
	{ __NR_ioctl, ARG_IOCTL }	/* unsent bytes */
};

static const struct rule rules_control[] = {
	{ __NR_accept4, ARG_ANY },	/* clients */
	{ __NR_getsockopt, ARG_ANY },	/* who is it */
	{ __NR_getpeername, ARG_ANY },	/* the same, by HTTP */
	{ __NR_recvfrom, ARG_ANY },	/* HTTP */
	{ __NR_readv, ARG_ANY },	/* HTTP */
	{ __NR_writev, ARG_ANY },	/* HTTP */
	{ __NR_ftruncate, ARG_EMPTY },	/* captures that take turns */
	{ __NR_ioctl, ARG_IOCTL }	/* HTTP: bytes waiting */
};

#ifdef __NR_open
#define OLD_CALLS	{ __NR_open, ARG_ENOSYS }, \
			{ __NR_access, ARG_ENOSYS }, \
			{ __NR_readlink, ARG_ENOSYS }, \
			{ __NR_stat, ARG_ENOSYS }, \
			{ __NR_lstat, ARG_ENOSYS },
#else
#define OLD_CALLS
#endif

/*
 * The derp engine has libssl read what strangers send.  What that library, or
 * libc below it, could look for in the system on odd input is refused politely:
 * its death would be a way to end the daemon from afar.
 */
static const struct rule rules_derp[] = {
	OLD_CALLS
	{ __NR_openat, ARG_ENOSYS },	/* a message catalogue, a module */
	{ __NR_faccessat, ARG_ENOSYS },	/* the same */
	{ __NR_readlinkat, ARG_ENOSYS },/* the same */
	{ __NR_statx, ARG_ENOSYS },	/* the same */
	{ __NR_getdents64, ARG_ENOSYS },/* a folder of certificates */
	{ __NR_lseek, ARG_ENOSYS },	/* stdio */
	{ __NR_getcwd, ARG_ENOSYS },	/* a relative name */
	{ __NR_getuid, ARG_ENOSYS },	/* is it set-user-ID */
	{ __NR_geteuid, ARG_ENOSYS },	/* the same */
	{ __NR_getgid, ARG_ENOSYS },	/* the same */
	{ __NR_getegid, ARG_ENOSYS },	/* the same */
	{ __NR_uname, ARG_ENOSYS },	/* which kernel */
	{ __NR_mlock, ARG_ENOSYS },	/* its own secrets */
	{ __NR_munlock, ARG_ENOSYS },	/* the same */
	{ __NR_sched_yield, ARG_ANY },	/* its locks */
	{ __NR_socket, ARG_TCP_SOCKET },/* to relays and proxies */
	{ __NR_connect, ARG_ANY },	/* the same */
	{ __NR_setsockopt, ARG_RELAY_OPTION },/* how long, how much */
	{ __NR_getsockopt, ARG_ANY },	/* SO_ERROR */
	{ __NR_recvfrom, ARG_ANY },	/* relays */
	{ __NR_sendto, ARG_SEND },	/* the same */
	{ __NR_recvmmsg, ARG_ANY },	/* clients of "relay listen" */
	{ __NR_sendmmsg, ARG_SENDMMSG },/* the same */
	{ __NR_pread64, ARG_ANY }	/* files of certificates */
};

/*
 * The web engine answers strangers.  It has the sockets that it was given, a
 * pipe to the control engine, and nothing else.
 */
static const struct rule rules_web[] = {
	{ __NR_accept4, ARG_ANY },	/* clients */
	{ __NR_getpeername, ARG_ANY },	/* where are they */
	{ __NR_recvfrom, ARG_ANY },	/* HTTP */
	{ __NR_readv, ARG_ANY },	/* HTTP */
	{ __NR_writev, ARG_ANY },	/* HTTP */
	{ __NR_ioctl, ARG_IOCTL },	/* HTTP: bytes waiting */
	{ __NR_mlock, ARG_ENOSYS },	/* libsodium, of a password's hash */
	{ __NR_munlock, ARG_ENOSYS }	/* the same */
};

/*
 * The files engine changes the files of peers: it sees no other folder, since
 * that is its root where it was started as root, and by Landlock everywhere.
 */
static const struct rule rules_files[] = {
	{ __NR_openat, ARG_EDIT },	/* a peer's file, the folder */
#ifdef __NR_open
	{ __NR_open, ARG_OLD_EDIT },	/* the same, by musl */
#endif
	{ __NR_newfstatat, ARG_ANY },	/* is it there; fstat(2) */
#ifdef __NR_stat
	{ __NR_stat, ARG_ANY },		/* the same, by musl */
	{ __NR_lstat, ARG_ANY },	/* the same */
#endif
	{ __NR_getdents64, ARG_ANY },	/* all of them */
#ifdef __NR_renameat
	{ __NR_renameat, ARG_ANY },	/* into its place */
#endif
	{ __NR_renameat2, ARG_ANY },	/* the same */
	{ __NR_unlinkat, ARG_FILE },	/* a peer that is gone */
	{ __NR_fsync, ARG_ANY },	/* before it is counted on */
	{ __NR_lseek, ARG_ANY },	/* readdir(3) */
	{ __NR_geteuid, ARG_ANY }	/* whose file it is to be */
};

/* What may be set on a socket, by level. */
struct option {
	int	 level;
	int	 name;
};

static const struct option	 host_options[] = {
	{ SOL_SOCKET, SO_LINGER },	/* a reset instead of an end */
	{ SOL_SOCKET, SO_KEEPALIVE },	/* servers, clients that are gone */
	{ SOL_SOCKET, SO_BINDTOIFINDEX },/* egress interface */
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT },/* egress source */
	{ SOL_SOCKET, SO_RCVBUF },	/* tcp { receive buffer } */
	{ SOL_SOCKET, SO_SNDBUF },	/* tcp { send buffer } */
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_KEEPIDLE },	/* the same */
	{ IPPROTO_TCP, TCP_USER_TIMEOUT },/* tcp { host timeout } */
	{ IPPROTO_TCP, TCP_CONGESTION },/* tcp { upstream congestion } */
	{ IPPROTO_UDP, UDP_GRO },	/* trains */
	{ IPPROTO_IP, IP_TTL },		/* guests that trace */
	{ IPPROTO_IP, IP_RECVERR },	/* ICMP errors, for guests */
	{ IPPROTO_IP, IP_RECVTOS },
	{ IPPROTO_IP, IP_MTU_DISCOVER },/* guests' DF bit */
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER }	/* guests that probe */
};

static const struct option	 relay_options[] = {
	{ IPPROTO_TCP, TCP_NODELAY },	/* trains are made here */
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT },/* and wait here */
	{ IPPROTO_TCP, TCP_USER_TIMEOUT }/* a relay that is gone */
};

static const struct option	 listen_options[] = {
	{ SOL_SOCKET, SO_REUSEADDR },	/* what was closed a moment ago */
	{ SOL_SOCKET, SO_RCVBUF },	/* WireGuard's */
	{ SOL_SOCKET, SO_SNDBUF },
	{ SOL_SOCKET, SO_REUSEPORT },	/* several on one port: steer.h */
	{ SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF },
	{ IPPROTO_UDP, UDP_GRO },
	{ IPPROTO_IP, IP_PKTINFO },	/* answers from where they came to */
	{ IPPROTO_IP, IP_RECVTOS },
	{ IPPROTO_IP, IP_MTU_DISCOVER },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER },
	{ IPPROTO_IPV6, IPV6_V6ONLY }
};

#define N(a)		(sizeof(a) / sizeof((a)[0]))
#define MAX_INSNS	1024

struct prog {
	struct sock_filter	 f[MAX_INSNS];
	size_t			 n;
};

static void
emit(struct prog *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (p->n >= MAX_INSNS)
		abort();
	p->f[p->n].code = code;
	p->f[p->n].jt = jt;
	p->f[p->n].jf = jf;
	p->f[p->n].k = k;
	p->n++;
}

#define LOAD(p, off)	emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, off)
#define AND(p, k)	emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, k)
#define JEQ(p, k, t, f)	emit(p, BPF_JMP | BPF_JEQ | BPF_K, t, f, k)
#define RET(p, k)	emit(p, BPF_RET | BPF_K, 0, 0, k)

/* Low half of an argument; every check below is on an int. */
static void
load_arg(struct prog *p, int arg)
{
	size_t	 off = offsetof(struct seccomp_data, args) + arg * 8;

#if __BYTE_ORDER == __BIG_ENDIAN
	off += 4;
#endif
	LOAD(p, (uint32_t)off);
}

/* The high half, which the kernel looks at where it takes a pointer. */
static void
load_arg_high(struct prog *p, int arg)
{
	size_t	 off = offsetof(struct seccomp_data, args) + arg * 8;

#if __BYTE_ORDER != __BIG_ENDIAN
	off += 4;
#endif
	LOAD(p, (uint32_t)off);
}

/* Allow if the loaded word is one of the values, else kill. */
static void
allow_values(struct prog *p, const uint32_t *v, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		JEQ(p, v[i], 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
	}
	RET(p, SECCOMP_RET_KILL_PROCESS);
}

/* socket(2): streams of IPv4 and IPv6 */
static void
emit_tcp_socket(struct prog *p)
{
	static const uint32_t	 inet[] = { AF_INET, AF_INET6 };
	static const uint32_t	 protos[] = { 0, IPPROTO_TCP };

	load_arg(p, 1);
	AND(p, 0xf);
	JEQ(p, SOCK_STREAM, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, 2);
	JEQ(p, protos[0], 2, 0);
	JEQ(p, protos[1], 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, 0);
	allow_values(p, inet, N(inet));
}

/* socket(2): stream and datagram of the given families, known protocols. */
static void
emit_socket(struct prog *p, int parent)
{
	static const uint32_t	 inet[] = { AF_INET, AF_INET6 };
	static const uint32_t	 protos[] = { 0, IPPROTO_TCP, IPPROTO_UDP,
				    IPPROTO_ICMP, IPPROTO_ICMPV6 };
	size_t			 i;

	load_arg(p, 0);
	if (parent) {
		/* getifaddrs(3) and syslog(3): whatever type they use */
		JEQ(p, AF_UNIX, 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
		JEQ(p, AF_NETLINK, 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
	}
	for (i = 0; i < 2; i++)
		JEQ(p, inet[i], (uint8_t)(2 - i), 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, 1);
	AND(p, 0xf);
	JEQ(p, SOCK_STREAM, 2, 0);
	JEQ(p, SOCK_DGRAM, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, 2);
	allow_values(p, protos, sizeof(protos) / sizeof(protos[0]));
}

/* A bit in an argument must be clear, or set. */
static void
emit_bits(struct prog *p, int arg, uint32_t mask, uint32_t want)
{
	load_arg(p, arg);
	AND(p, mask);
	allow_values(p, &want, 1);
}

/* setsockopt(2): these options, by level. */
static void
emit_options(struct prog *p, const struct option *o, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		load_arg(p, 1);
		JEQ(p, (uint32_t)o[i].level, 0, 3);
		load_arg(p, 2);
		JEQ(p, (uint32_t)o[i].name, 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
	}
	RET(p, SECCOMP_RET_KILL_PROCESS);
}

/* openat(2), or open(2), whose flags come earlier: to read, or a new file. */
static void
emit_edit(struct prog *p, int flags)
{
	/* what is there is replaced, and never written to */
	load_arg(p, flags);
	AND(p, O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND);
	JEQ(p, O_RDONLY, 0, 1);
	RET(p, SECCOMP_RET_ALLOW);
	JEQ(p, O_WRONLY | O_CREAT | O_EXCL, 0, 1);
	RET(p, SECCOMP_RET_ALLOW);
	RET(p, SECCOMP_RET_KILL_PROCESS);
}

/* ftruncate(2): to nothing, and not the log. */
static void
emit_empty(struct prog *p)
{
	load_arg(p, 0);
	emit(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, STDERR_FILENO);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg_high(p, 1);
	JEQ(p, 0, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, 1);
	JEQ(p, 0, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	RET(p, SECCOMP_RET_ALLOW);
}

/* The argument has to be a null pointer; then it goes on. */
static void
need_null(struct prog *p, int arg)
{
	load_arg_high(p, arg);
	JEQ(p, 0, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
	load_arg(p, arg);
	JEQ(p, 0, 1, 0);
	RET(p, SECCOMP_RET_KILL_PROCESS);
}

static void
emit_check(struct prog *p, enum arg_check check)
{
	static const uint32_t	 fcntls[] = { F_GETFL, F_GETFD, F_SETFD,
				    F_GET_SEALS };
	static const uint32_t	 ioctls[] = { SIOCOUTQ, FIONREAD, TCGETS };

	switch (check) {
	case ARG_ANY:
		RET(p, SECCOMP_RET_ALLOW);
		break;
	case ARG_EPERM:
		RET(p, SECCOMP_RET_ERRNO | EPERM);
		break;
	case ARG_ENOSYS:
		RET(p, SECCOMP_RET_ERRNO | ENOSYS);
		break;
	case ARG_KILL:
		RET(p, SECCOMP_RET_KILL_PROCESS);
		break;
	case ARG_TCP_SOCKET:
		emit_tcp_socket(p);
		break;
	case ARG_INET_SOCKET:
		emit_socket(p, 0);
		break;
	case ARG_PARENT_SOCKET:
		emit_socket(p, 1);
		break;
	case ARG_SENDMSG:
		emit_bits(p, 2, ~SEND_FLAGS, 0);
		break;
	case ARG_SENDMMSG:
		emit_bits(p, 3, ~SEND_FLAGS, 0);
		break;
	case ARG_SEND:
		need_null(p, 4);
		/* FALLTHROUGH */
	case ARG_SENDTO:
		emit_bits(p, 3, ~SEND_FLAGS, 0);
		break;
	case ARG_HOST_OPTION:
		emit_options(p, host_options, N(host_options));
		break;
	case ARG_RELAY_OPTION:
		emit_options(p, relay_options, N(relay_options));
		break;
	case ARG_LISTEN_OPTION:
		emit_options(p, listen_options, N(listen_options));
		break;
	case ARG_NO_EXEC:
		emit_bits(p, 2, PROT_EXEC, 0);
		break;
	case ARG_READONLY:
		emit_bits(p, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
		break;
	case ARG_OLD_READONLY:
		emit_bits(p, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
		break;
	case ARG_FCNTL:
		load_arg(p, 1);
		allow_values(p, fcntls, sizeof(fcntls) / sizeof(fcntls[0]));
		break;
	case ARG_PARENT_FCNTL:
		load_arg(p, 1);
		JEQ(p, F_DUPFD_CLOEXEC, 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
		JEQ(p, F_SETFL, 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
		allow_values(p, fcntls, sizeof(fcntls) / sizeof(fcntls[0]));
		break;
	case ARG_STAT_FD:
		emit_bits(p, 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
		break;
	case ARG_IOCTL:
		load_arg(p, 1);
		allow_values(p, ioctls, sizeof(ioctls) / sizeof(ioctls[0]));
		break;
	case ARG_EDIT:
		emit_edit(p, 2);
		break;
	case ARG_OLD_EDIT:
		emit_edit(p, 1);
		break;
	case ARG_FILE:
		emit_bits(p, 2, UINT32_MAX, 0);
		break;
	case ARG_EMPTY:
		emit_empty(p);
		break;
	case ARG_ACCEPT:
		emit_bits(p, 3, UINT32_MAX, SOCK_CLOEXEC | SOCK_NONBLOCK);
		break;
	case ARG_SIGNAL_SELF:
		load_arg(p, 0);
		JEQ(p, (uint32_t)getpid(), 0, 1);
		RET(p, SECCOMP_RET_ALLOW);
		RET(p, SECCOMP_RET_KILL_PROCESS);
		break;
	}
}

static void
emit_rules(struct prog *p, const struct rule *r, size_t n)
{
	size_t	 i, jump;

	for (i = 0; i < n; i++) {
		LOAD(p, offsetof(struct seccomp_data, nr));
		JEQ(p, (uint32_t)r[i].nr, 0, 0);
		jump = p->n - 1;
		emit_check(p, r[i].check);
		p->f[jump].jf = (uint8_t)(p->n - jump - 1);
	}
}

#define EMIT(p, table)	\
	emit_rules(p, table, sizeof(table) / sizeof((table)[0]))

static int
seccomp_install(enum sandbox_role role)
{
	static struct prog	 p;
	struct sock_fprog	 fprog;

	p.n = 0;
	LOAD(&p, offsetof(struct seccomp_data, arch));
	JEQ(&p, SANDBOX_ARCH, 1, 0);
	RET(&p, SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
	/* the x32 calls have the same architecture and other numbers */
	LOAD(&p, offsetof(struct seccomp_data, nr));
	emit(&p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
	RET(&p, SECCOMP_RET_KILL_PROCESS);
#endif
	switch (role) {
	case SANDBOX_PARENT:
		EMIT(&p, rules_parent);
		break;
	case SANDBOX_CRYPTO:
		EMIT(&p, rules_crypto);
		break;
	case SANDBOX_SLIRP:
		EMIT(&p, rules_slirp);
		break;
	case SANDBOX_CONTROL:
		EMIT(&p, rules_control);
		break;
	case SANDBOX_DERP:
		EMIT(&p, rules_derp);
		break;
	case SANDBOX_WEB:
		EMIT(&p, rules_web);
		break;
	case SANDBOX_FILES:
		EMIT(&p, rules_files);
		break;
	}
	EMIT(&p, rules_common);
	RET(&p, SECCOMP_RET_KILL_PROCESS);

	fprog.len = (unsigned short)p.n;
	fprog.filter = p.f;
	return ((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
	    &fprog));
}

/* File system rights by Landlock ABI version. */
#define FS_RIGHTS_V1	((1ULL << 13) - 1)
#define FS_RIGHTS_V2	((1ULL << 14) - 1)	/* refer */
#define FS_RIGHTS_V3	((1ULL << 15) - 1)	/* truncate */
#define FS_RIGHTS_V5	((1ULL << 16) - 1)	/* device ioctl */
#define FS_READ		(LANDLOCK_ACCESS_FS_READ_FILE | \
			LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_SOCKET	(LANDLOCK_ACCESS_FS_REMOVE_FILE | \
			LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define FS_EDIT		(LANDLOCK_ACCESS_FS_REMOVE_FILE | \
			LANDLOCK_ACCESS_FS_MAKE_REG | \
			LANDLOCK_ACCESS_FS_WRITE_FILE)

/* What this system's header may not know yet; the kernel looks at the size. */
struct ruleset {
	uint64_t	 fs;
	uint64_t	 net;		/* from version 4 on */
	uint64_t	 scoped;	/* from version 6 on */
};
struct net_port {
	uint64_t	 allowed;
	uint64_t	 port;
};
#define RULE_NET_PORT	2
#define NET_BIND_TCP	1
#define NET_CONNECT_TCP	2
#define SCOPE_ABSTRACT	1		/* UNIX sockets without a path */
#define SCOPE_SIGNAL	2

/* TCP that a role never does by itself; the parent and slirp do. */
static uint64_t
net_refused(enum sandbox_role role)
{
	switch (role) {
	case SANDBOX_CRYPTO:
	case SANDBOX_CONTROL:
	case SANDBOX_WEB:
	case SANDBOX_FILES:
		return (NET_BIND_TCP | NET_CONNECT_TCP);
	case SANDBOX_SLIRP:
	case SANDBOX_DERP:
		return (NET_BIND_TCP);
	case SANDBOX_PARENT:
		return (NET_CONNECT_TCP);
	}
	return (0);
}

/* Returns the ABI version in force, 0 if the kernel has none. */
static int
landlock_install(enum sandbox_role role, const struct sandbox_path *paths,
    size_t npaths)
{
	struct ruleset				 attr;
	struct landlock_path_beneath_attr	 beneath;
	const struct net_port			 free_port = { NET_BIND_TCP,
						    0 };
	size_t					 i;
	int					 abi, fd, ok;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return (0);
	memset(&attr, 0, sizeof(attr));
	attr.fs = abi >= 5 ? FS_RIGHTS_V5 : abi >= 3 ? FS_RIGHTS_V3 :
	    abi == 2 ? FS_RIGHTS_V2 : FS_RIGHTS_V1;
	attr.net = net_refused(role);
	/* the parent ends its children, and logs by a UNIX socket */
	attr.scoped = role == SANDBOX_PARENT ? 0 : SCOPE_ABSTRACT |
	    SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    abi >= 6 ? sizeof(attr) : abi >= 4 ? offsetof(struct ruleset,
	    scoped) : offsetof(struct ruleset, net), 0);
	if (fd == -1)
		return (0);
	for (i = 0; i < npaths; i++) {
		memset(&beneath, 0, sizeof(beneath));
		beneath.allowed_access = paths[i].how == SANDBOX_READ ?
		    FS_READ : paths[i].how == SANDBOX_SOCKET ? FS_SOCKET :
		    FS_READ | FS_EDIT;
		beneath.parent_fd = open(paths[i].path,
		    O_PATH | O_CLOEXEC | O_DIRECTORY);
		if (beneath.parent_fd == -1)
			continue;	/* then nothing there is reachable */
		syscall(SYS_landlock_add_rule, fd,
		    LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
		close(beneath.parent_fd);
	}
	/* egress source: an address, and whatever port is free */
	if (role == SANDBOX_SLIRP && abi >= 4)
		syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &free_port,
		    0);
	ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return (ok ? abi : 0);
}

/*
 * No core dumps, and no look at the memory by processes of the same user;
 * before the first secret.  Returns -1 with errno.
 */
int
sandbox_hide(void)
{
	struct rlimit	 rl;

	memset(&rl, 0, sizeof(rl));
	return (setrlimit(RLIMIT_CORE, &rl) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ? -1 : 0);
}

/*
 * First step of every process: it is hidden, and gets no new privileges.
 * Returns -1 with a reason.
 */
int
sandbox_early(char *err, size_t errlen)
{
	if (sandbox_hide() == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		snprintf(err, errlen, "sandbox: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

/*
 * Keep what this process writes out of swap, as far as its limit allows;
 * pages are locked when they are first used.  A limit that is not infinite
 * would make allocations fail one day, so it is left alone then.
 */
void
sandbox_lock_memory(void)
{
	struct rlimit	 rl = { RLIM_INFINITY, RLIM_INFINITY };

	if (geteuid() == 0)
		(void)setrlimit(RLIMIT_MEMLOCK, &rl);
	if (getrlimit(RLIMIT_MEMLOCK, &rl) == 0 &&
	    rl.rlim_cur == RLIM_INFINITY)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* Is the id mapped in this user namespace? */
static int
id_mapped(const char *path, unsigned long id)
{
	unsigned long	 in, out, n;
	FILE		*f;
	int		 found = 0;

	if ((f = fopen(path, "r")) == NULL)
		return (1);
	while (!found && fscanf(f, "%lu %lu %lu", &in, &out, &n) == 3)
		if (id >= in && id - in < n)
			found = 1;
	fclose(f);
	return (found);
}

static int
drop_caps(void)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[2];

	memset(&hdr, 0, sizeof(hdr));
	memset(data, 0, sizeof(data));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capset, &hdr, data) == 0)
		return (0);
	/*
	 * A service manager that gave none may have forbidden the call as well
	 * (systemd, "SystemCallFilter=~@privileged"): then there are none left
	 * to give up, or this is an error.
	 */
	if (syscall(SYS_capget, &hdr, data) == -1)
		return (-1);
	if ((data[0].effective | data[0].permitted | data[0].inheritable |
	    data[1].effective | data[1].permitted | data[1].inheritable) == 0)
		return (0);
	errno = EPERM;
	return (-1);
}

/*
 * As root: chroot to an empty directory and become user; otherwise only
 * give up what capabilities there are.  In a user namespace where that
 * user does not exist, root is no more than the user who made it, and
 * giving up the capabilities is all there is to drop.
 */
int
sandbox_drop(const char *user, char *err, size_t errlen)
{
	struct passwd	*pw;
	struct stat	 st;

	if (geteuid() != 0) {
		if (drop_caps() == 0)
			return (0);
		snprintf(err, errlen, "capset: %s", strerror(errno));
		return (-1);
	}
	if ((pw = getpwnam(user)) == NULL) {
		snprintf(err, errlen, "user %s does not exist", user);
		return (-1);
	}
	if (!id_mapped("/proc/self/uid_map", pw->pw_uid) ||
	    !id_mapped("/proc/self/gid_map", pw->pw_gid)) {
		if (drop_caps() == -1) {
			snprintf(err, errlen, "capset: %s", strerror(errno));
			return (-1);
		}
		return (0);
	}
	if (mkdir(EMPTY_DIR, 0755) == -1 && errno != EEXIST) {
		snprintf(err, errlen, "%s: %s", EMPTY_DIR, strerror(errno));
		return (-1);
	}
	if (stat(EMPTY_DIR, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(err, errlen, "%s: not a safe directory", EMPTY_DIR);
		return (-1);
	}
	if (chroot(EMPTY_DIR) == -1 || chdir("/") == -1) {
		snprintf(err, errlen, "chroot %s: %s", EMPTY_DIR,
		    strerror(errno));
		return (-1);
	}
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		snprintf(err, errlen, "cannot become %s: %s", user,
		    strerror(errno));
		return (-1);
	}
	if (setresuid(0, 0, 0) != -1 || geteuid() == 0) {
		snprintf(err, errlen, "still root");
		return (-1);
	}
	/* changing ids made it dumpable again, by the system's default */
	return (sandbox_early(err, errlen));
}

/*
 * The same for a process that has one folder, where it stands: as root it
 * becomes its root directory, and the process the user that it belongs to.  If
 * that is root, no capability is left.
 */
int
sandbox_drop_here(char *err, size_t errlen)
{
	struct stat	 st;

	if (geteuid() == 0) {
		/* in a user namespace groups may not be set, nor mean much */
		if (stat(".", &st) == -1 || chroot(".") == -1 ||
		    (setgroups(1, &st.st_gid) == -1 && st.st_uid != 0) ||
		    setresgid(st.st_gid, st.st_gid, st.st_gid) == -1 ||
		    setresuid(st.st_uid, st.st_uid, st.st_uid) == -1) {
			snprintf(err, errlen, "cannot lock itself in the "
			    "folder of the peers' files: %s",
			    strerror(errno));
			return (-1);
		}
	}
	if (drop_caps() == -1) {
		snprintf(err, errlen, "capset: %s", strerror(errno));
		return (-1);
	}
	/* changing ids made it dumpable again, by the system's default */
	return (sandbox_early(err, errlen));
}

/*
 * The last step.  A filter that cannot be installed is an error; a
 * kernel without Landlock is not, and shows in level.
 */
int
sandbox_enter(enum sandbox_role role, const struct sandbox_path *paths,
    size_t npaths, struct sandbox_level *level, char *err, size_t errlen)
{
	memset(level, 0, sizeof(*level));
	/* none lives on without the parent; changing the user would undo it */
	if (role != SANDBOX_PARENT && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0,
	    0) == -1) {
		snprintf(err, errlen, "prctl: %s", strerror(errno));
		return (-1);
	}
	level->landlock = (uint8_t)landlock_install(role, paths, npaths);
	if (seccomp_install(role) == -1) {
		snprintf(err, errlen, "seccomp: %s", strerror(errno));
		return (-1);
	}
	level->seccomp = 1;
	return (0);
}
