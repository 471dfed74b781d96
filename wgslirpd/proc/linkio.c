/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>

#include "linkio.h"
#include "log.h"

static void
set_iov(struct msghdr *m, struct iovec iov[2], struct link_hdr *hdr,
    void *data, size_t len)
{
	memset(m, 0, sizeof(*m));
	iov[0].iov_base = hdr;
	iov[0].iov_len = sizeof(*hdr);
	iov[1].iov_base = data;
	iov[1].iov_len = len;
	m->msg_iov = iov;
	m->msg_iovlen = 2;
}

int
link_send(int fd, struct link_hdr *hdr, uint8_t *data, size_t len)
{
	struct iovec	 iov[2];
	struct msghdr	 m;

	set_iov(&m, iov, hdr, data, len);
	return (fd == -1 || sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    -1 ? -1 : 0);
}

ssize_t
link_recv(int fd, struct link_hdr *hdr, uint8_t data[LINK_DATA_MAX])
{
	struct iovec	 iov[2];
	struct msghdr	 m;
	ssize_t		 n;

	set_iov(&m, iov, hdr, data, LINK_DATA_MAX);
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	if ((size_t)n <= sizeof(*hdr) || m.msg_flags & MSG_TRUNC ||
	    hdr->segment == 0)
		fatalx("a malformed train came by the link");
	return (n - (ssize_t)sizeof(*hdr));
}
