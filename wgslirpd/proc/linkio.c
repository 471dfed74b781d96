/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "linkio.h"
#include "log.h"

static void
set_iov(struct msghdr *m, struct iovec iov[2], const void *hdr, size_t hlen,
    const void *data, size_t len)
{
	memset(m, 0, sizeof(*m));
	iov[0].iov_base = (void *)(uintptr_t)hdr;
	iov[0].iov_len = hlen;
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
	m->msg_iov = iov;
	m->msg_iovlen = 2;
}

int
link_send(int fd, const void *hdr, size_t hlen, const uint8_t *data,
    size_t len)
{
	struct iovec	 iov[2];
	struct msghdr	 m;

	set_iov(&m, iov, hdr, hlen, data, len);
	return (fd == -1 || sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    -1 ? -1 : 0);
}

ssize_t
link_recv(int fd, void *hdr, size_t hlen, uint8_t data[LINK_DATA_MAX])
{
	struct iovec	 iov[2];
	struct msghdr	 m;
	ssize_t		 n;

	set_iov(&m, iov, hdr, hlen, data, LINK_DATA_MAX);
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	if ((size_t)n <= hlen || m.msg_flags & MSG_TRUNC)
		fatalx("something malformed came by a link");
	return (n - (ssize_t)hlen);
}

/* Room for one descriptor, aligned as it has to be. */
union control {
	struct cmsghdr	 hdr;
	uint8_t		 buf[CMSG_SPACE(sizeof(int))];
};

int
link_pass(int fd, const void *hdr, size_t hlen, const uint8_t *data,
    size_t len, int pass)
{
	union control	 control;
	struct cmsghdr	*c;
	struct iovec	 iov[2];
	struct msghdr	 m;

	set_iov(&m, iov, hdr, hlen, data, len);
	memset(&control, 0, sizeof(control));
	if (pass != -1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	return (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ? -1 : 0);
}

int
link_take(int fd, void *hdr, size_t hlen, uint8_t data[LINK_DATA_MAX],
    size_t *len, int *passed)
{
	union control	 control;
	struct cmsghdr	*c;
	struct iovec	 iov[2];
	struct msghdr	 m;
	ssize_t		 n;

	*passed = -1;
	set_iov(&m, iov, hdr, hlen, data, LINK_DATA_MAX);
	/* for one of them, and no room for two that alignment would leave */
	m.msg_control = &control;
	m.msg_controllen = CMSG_LEN(sizeof(int));
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	/* without room in its table a process gets none of what was passed */
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type ==
		    SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(passed, CMSG_DATA(c), sizeof(*passed));
	/* there were more, or no room in this process' table */
	if (m.msg_flags & MSG_CTRUNC && *passed != -1) {
		close(*passed);
		*passed = -1;
	}
	if ((size_t)n < hlen || m.msg_flags & MSG_TRUNC)
		fatalx("something malformed came by a link");
	*len = (size_t)n - hlen;
	return (1);
}
