/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <imsg.h>

#define IMSG_MAXFDS	16	/* received but not yet claimed */

int
imsgbuf_init(struct imsgbuf *ibuf, int fd)
{
	memset(ibuf, 0, sizeof(*ibuf));
	if ((ibuf->rbuf = calloc(1, IBUF_READ_SIZE)) == NULL)
		return (-1);
	TAILQ_INIT(&ibuf->fds);
	msgbuf_init(&ibuf->w);
	ibuf->maxsize = MAX_IMSGSIZE;
	ibuf->pid = getpid();
	ibuf->fd = fd;
	return (0);
}

void
imsgbuf_allow_fdpass(struct imsgbuf *ibuf)
{
	ibuf->flags |= IMSG_ALLOW_FDPASS;
}

/* Limit, in bytes, of one message's payload. */
int
imsgbuf_set_maxsize(struct imsgbuf *ibuf, uint32_t max)
{
	if (max > IBUF_READ_SIZE - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (-1);
	}
	ibuf->maxsize = max + IMSG_HEADER_SIZE;
	return (0);
}

static int
imsgbuf_queue_fd(struct imsgbuf *ibuf, int fd)
{
	struct imsg_fd	*ifd;

	if (!(ibuf->flags & IMSG_ALLOW_FDPASS) ||
	    ibuf->nfds >= IMSG_MAXFDS ||
	    (ifd = calloc(1, sizeof(*ifd))) == NULL) {
		close(fd);
		return (-1);
	}
	ifd->fd = fd;
	TAILQ_INSERT_TAIL(&ibuf->fds, ifd, entry);
	ibuf->nfds++;
	return (0);
}

static int
imsgbuf_dequeue_fd(struct imsgbuf *ibuf)
{
	struct imsg_fd	*ifd;
	int		 fd;

	if ((ifd = TAILQ_FIRST(&ibuf->fds)) == NULL)
		return (-1);
	TAILQ_REMOVE(&ibuf->fds, ifd, entry);
	ibuf->nfds--;
	fd = ifd->fd;
	free(ifd);
	return (fd);
}

/* Take every descriptor out of a control message, so that none leaks. */
static int
imsgbuf_cmsg(struct imsgbuf *ibuf, struct msghdr *msg)
{
	struct cmsghdr	*cmsg;
	size_t		 i, n;
	int		 fd, bad = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			if (imsgbuf_queue_fd(ibuf, fd) == -1)
				bad = 1;
		}
	}
	return (bad ? -1 : 0);
}

/*
 * Read what there is.  Returns 1 when something came or nothing was
 * there yet, 0 when the other side closed, -1 on error; EBADMSG means
 * that descriptors came truncated, unasked for, or too many.
 */
int
imsgbuf_read(struct imsgbuf *ibuf)
{
	struct msghdr		 msg;
	struct iovec		 iov;
	union {
		struct cmsghdr	 hdr;
		char		 buf[CMSG_SPACE(sizeof(int) * IMSG_MAXFDS)];
	} cmsgbuf;
	ssize_t			 n;

	if (ibuf->rpos > 0) {
		memmove(ibuf->rbuf, ibuf->rbuf + ibuf->rpos,
		    ibuf->wpos - ibuf->rpos);
		ibuf->wpos -= ibuf->rpos;
		ibuf->rpos = 0;
	}
	if (ibuf->wpos == IBUF_READ_SIZE)
		return (1);	/* caller has to take messages first */

	iov.iov_base = ibuf->rbuf + ibuf->wpos;
	iov.iov_len = IBUF_READ_SIZE - ibuf->wpos;
	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (ibuf->flags & IMSG_ALLOW_FDPASS) {
		msg.msg_control = &cmsgbuf.buf;
		msg.msg_controllen = sizeof(cmsgbuf.buf);
	}
	do {
		n = recvmsg(ibuf->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (errno == EAGAIN ? 1 : -1);
	if (imsgbuf_cmsg(ibuf, &msg) == -1 ||
	    ((ibuf->flags & IMSG_ALLOW_FDPASS) &&
	    (msg.msg_flags & MSG_CTRUNC))) {
		errno = EBADMSG;
		return (-1);
	}
	if (n == 0)
		return (0);
	ibuf->wpos += n;
	return (1);
}

int
imsgbuf_write(struct imsgbuf *ibuf)
{
	return (msgbuf_write(ibuf->fd, &ibuf->w));
}

/* Write everything, waiting for the socket where it is full. */
int
imsgbuf_flush(struct imsgbuf *ibuf)
{
	struct pollfd	 pfd;

	while (msgbuf_queuelen(&ibuf->w) > 0) {
		pfd.fd = ibuf->fd;
		pfd.events = POLLOUT;
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return (-1);
		if (imsgbuf_write(ibuf) == -1)
			return (-1);
	}
	return (0);
}

void
imsgbuf_clear(struct imsgbuf *ibuf)
{
	int	 fd;

	msgbuf_clear(&ibuf->w);
	while ((fd = imsgbuf_dequeue_fd(ibuf)) != -1)
		close(fd);
	freezero(ibuf->rbuf, IBUF_READ_SIZE);
	ibuf->rbuf = NULL;
}

uint32_t
imsgbuf_queuelen(struct imsgbuf *ibuf)
{
	return (msgbuf_queuelen(&ibuf->w));
}

/*
 * Take the next whole message.  Returns 1 with a message, 0 when none is
 * complete, -1 on error: ERANGE for an impossible length, EBADMSG for a
 * message that promised a descriptor which did not come.
 */
int
imsgbuf_get(struct imsgbuf *ibuf, struct imsg *imsg)
{
	struct imsg	 m;
	size_t		 av = ibuf->wpos - ibuf->rpos, len;

	if (av < IMSG_HEADER_SIZE)
		return (0);
	memset(&m, 0, sizeof(m));
	memcpy(&m.hdr, ibuf->rbuf + ibuf->rpos, sizeof(m.hdr));
	len = m.hdr.len & ~IMSG_FD_MARK;
	if (len < IMSG_HEADER_SIZE || len > ibuf->maxsize) {
		errno = ERANGE;
		return (-1);
	}
	if (len > av)
		return (0);
	if ((m.buf = ibuf_dynamic(len, len)) == NULL)
		return (-1);
	if (ibuf_add(m.buf, ibuf->rbuf + ibuf->rpos, len) == -1 ||
	    ibuf_skip(m.buf, IMSG_HEADER_SIZE) == -1) {
		ibuf_free(m.buf);
		return (-1);
	}
	/* the payload may be a key: leave no second copy behind */
	explicit_bzero(ibuf->rbuf + ibuf->rpos, len);
	ibuf->rpos += len;
	if (m.hdr.len & IMSG_FD_MARK) {
		m.buf->fd = imsgbuf_dequeue_fd(ibuf);
		if (m.buf->fd == -1) {
			ibuf_free(m.buf);
			errno = EBADMSG;
			return (-1);
		}
	}
	m.hdr.len = len;
	*imsg = m;
	return (1);
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *buf)
{
	if (ibuf_size(imsg->buf) == 0) {
		errno = EBADMSG;
		return (-1);
	}
	return (ibuf_get_ibuf(imsg->buf, ibuf_size(imsg->buf), buf));
}

/* The whole payload, whose length must be exactly len. */
int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_size(imsg->buf) != len) {
		errno = EBADMSG;
		return (-1);
	}
	return (ibuf_get(imsg->buf, data, len));
}

/* The next len bytes of the payload. */
int
imsg_get_buf(struct imsg *imsg, void *data, size_t len)
{
	return (ibuf_get(imsg->buf, data, len));
}

int
imsg_get_strbuf(struct imsg *imsg, char *str, size_t len)
{
	return (ibuf_get_strbuf(imsg->buf, str, len));
}

int
imsg_get_fd(struct imsg *imsg)
{
	return (ibuf_fd_get(imsg->buf));
}

uint32_t
imsg_get_id(struct imsg *imsg)
{
	return (imsg->hdr.peerid);
}

size_t
imsg_get_len(struct imsg *imsg)
{
	return (ibuf_size(imsg->buf));
}

pid_t
imsg_get_pid(struct imsg *imsg)
{
	return ((pid_t)imsg->hdr.pid);
}

uint32_t
imsg_get_type(struct imsg *imsg)
{
	return (imsg->hdr.type);
}

/* Send a received message on, with the descriptor if it has one. */
int
imsg_forward(struct imsgbuf *ibuf, struct imsg *imsg)
{
	struct ibuf	*buf;

	buf = imsg_create(ibuf, imsg->hdr.type, imsg->hdr.peerid,
	    (pid_t)imsg->hdr.pid, ibuf_size(imsg->buf));
	if (buf == NULL)
		return (-1);
	if (ibuf_add_ibuf(buf, imsg->buf) == -1) {
		ibuf_free(buf);
		return (-1);
	}
	ibuf_fd_set(buf, ibuf_fd_get(imsg->buf));
	imsg_close(ibuf, buf);
	return (1);
}

int
imsg_compose(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t len)
{
	struct iovec	 iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = len;
	return (imsg_composev(ibuf, type, id, pid, fd, &iov, 1));
}

int
imsg_composev(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt)
{
	struct ibuf	*buf;
	size_t		 len = 0;
	int		 i;

	for (i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	if ((buf = imsg_create(ibuf, type, id, pid, len)) == NULL)
		return (-1);
	for (i = 0; i < iovcnt; i++) {
		if (ibuf_add(buf, iov[i].iov_base, iov[i].iov_len) == -1) {
			ibuf_free(buf);
			return (-1);
		}
	}
	ibuf_fd_set(buf, fd);
	imsg_close(ibuf, buf);
	return (1);
}

/* Send a payload made by the caller; buf is consumed, also on error. */
int
imsg_compose_ibuf(struct imsgbuf *ibuf, uint32_t type, uint32_t id,
    pid_t pid, struct ibuf *buf)
{
	struct iovec	 iov;
	int		 r, fd;

	iov.iov_base = ibuf_data(buf);
	iov.iov_len = ibuf_size(buf);
	fd = ibuf_fd_get(buf);
	r = imsg_composev(ibuf, type, id, pid, fd, &iov, 1);
	ibuf_free(buf);
	return (r);
}

struct ibuf *
imsg_create(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    size_t len)
{
	struct imsg_hdr	 hdr;
	struct ibuf	*buf;

	if (len > ibuf->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (NULL);
	}
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.peerid = id;
	hdr.pid = pid != 0 ? (uint32_t)pid : (uint32_t)ibuf->pid;
	buf = ibuf_dynamic(len + IMSG_HEADER_SIZE, ibuf->maxsize);
	if (buf == NULL)
		return (NULL);
	if (ibuf_add(buf, &hdr, sizeof(hdr)) == -1) {
		ibuf_free(buf);
		return (NULL);
	}
	return (buf);
}

int
imsg_add(struct ibuf *buf, const void *data, size_t len)
{
	if (ibuf_add(buf, data, len) == -1) {
		ibuf_free(buf);
		return (-1);
	}
	return ((int)len);
}

void
imsg_close(struct imsgbuf *ibuf, struct ibuf *buf)
{
	uint32_t	 len = (uint32_t)ibuf_size(buf);

	if (ibuf_fd_avail(buf))
		len |= IMSG_FD_MARK;
	(void)ibuf_set(buf, offsetof(struct imsg_hdr, len), &len,
	    sizeof(len));
	ibuf_close(&ibuf->w, buf);
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
}
