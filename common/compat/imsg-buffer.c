/* SPDX-License-Identifier: ISC */

/*
 * Bounds-checked message buffers.  An ibuf has a read position and a
 * write position; every accessor checks against them and fails with
 * errno instead of running past an end: ERANGE when a writer is full,
 * EBADMSG when a reader asks for more than is left, EINVAL for a value
 * that does not fit its field.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <imsg.h>

#define IOV_BATCH	64

struct ibuf *
ibuf_open(size_t len)
{
	return (ibuf_dynamic(len, len));
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf	*buf;

	if (max == 0 || max < len) {
		errno = EINVAL;
		return (NULL);
	}
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return (NULL);
	if (len > 0 && (buf->buf = calloc(len, 1)) == NULL) {
		free(buf);
		return (NULL);
	}
	buf->size = len;
	buf->max = max;
	buf->fd = -1;
	return (buf);
}

/* Buffers on the stack (ibuf_from_*) are read-only views. */
static int
ibuf_is_view(const struct ibuf *buf)
{
	return (buf->fd == IBUF_FD_MARK_ON_STACK);
}

void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	unsigned char	*nb;
	size_t		 nsize;
	void		*p;

	if (len > SIZE_MAX - buf->wpos || ibuf_is_view(buf)) {
		errno = ERANGE;
		return (NULL);
	}
	if (buf->wpos + len > buf->size) {
		if (buf->wpos + len > buf->max) {
			errno = ERANGE;
			return (NULL);
		}
		nsize = buf->size * 2;
		if (nsize < buf->wpos + len)
			nsize = buf->wpos + len;
		if (nsize > buf->max)
			nsize = buf->max;
		/* recallocarray: the old memory may hold keys */
		nb = recallocarray(buf->buf, buf->size, nsize, 1);
		if (nb == NULL)
			return (NULL);
		buf->buf = nb;
		buf->size = nsize;
	}
	p = buf->buf + buf->wpos;
	buf->wpos += len;
	return (p);
}

int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, data, len);
	return (0);
}

int
ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	return (ibuf_add(buf, ibuf_data(from), ibuf_size(from)));
}

int
ibuf_add_zero(struct ibuf *buf, size_t len)
{
	void	*p;

	if (len == 0)
		return (0);
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memset(p, 0, len);
	return (0);
}

int
ibuf_add_n8(struct ibuf *buf, uint64_t v)
{
	uint8_t	 n = v;

	if (v > UINT8_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_n16(struct ibuf *buf, uint64_t v)
{
	uint16_t	 n = htobe16(v);

	if (v > UINT16_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_n32(struct ibuf *buf, uint64_t v)
{
	uint32_t	 n = htobe32(v);

	if (v > UINT32_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_n64(struct ibuf *buf, uint64_t v)
{
	uint64_t	 n = htobe64(v);

	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_h16(struct ibuf *buf, uint64_t v)
{
	uint16_t	 n = v;

	if (v > UINT16_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_h32(struct ibuf *buf, uint64_t v)
{
	uint32_t	 n = v;

	if (v > UINT32_MAX) {
		errno = EINVAL;
		return (-1);
	}
	return (ibuf_add(buf, &n, sizeof(n)));
}

int
ibuf_add_h64(struct ibuf *buf, uint64_t v)
{
	return (ibuf_add(buf, &v, sizeof(v)));
}

/* Add a string as a fixed, zero-filled field of len bytes. */
int
ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len)
{
	char	*p;
	size_t	 n;

	if ((n = strnlen(str, len)) == len) {
		errno = EOVERFLOW;
		return (-1);
	}
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memset(p, 0, len);
	memcpy(p, str, n);
	return (0);
}

void *
ibuf_seek(struct ibuf *buf, size_t pos, size_t len)
{
	if (ibuf_size(buf) < pos || ibuf_size(buf) - pos < len ||
	    len > SIZE_MAX - pos) {
		errno = ERANGE;
		return (NULL);
	}
	return (buf->buf + buf->rpos + pos);
}

int
ibuf_set(struct ibuf *buf, size_t pos, const void *data, size_t len)
{
	void	*p;

	if ((p = ibuf_seek(buf, pos, len)) == NULL)
		return (-1);
	if (len > 0)
		memcpy(p, data, len);
	return (0);
}

void *
ibuf_data(const struct ibuf *buf)
{
	return (buf->buf + buf->rpos);
}

size_t
ibuf_size(const struct ibuf *buf)
{
	return (buf->wpos - buf->rpos);
}

size_t
ibuf_left(const struct ibuf *buf)
{
	if (ibuf_is_view(buf))
		return (0);
	return (buf->max - buf->wpos);
}

int
ibuf_truncate(struct ibuf *buf, size_t len)
{
	if (ibuf_size(buf) >= len) {
		buf->wpos = buf->rpos + len;
		return (0);
	}
	return (ibuf_add_zero(buf, len - ibuf_size(buf)));
}

void
ibuf_rewind(struct ibuf *buf)
{
	buf->rpos = 0;
}

void
ibuf_close(struct msgbuf *mb, struct ibuf *buf)
{
	TAILQ_INSERT_TAIL(&mb->bufs, buf, entry);
	mb->queued++;
}

void
ibuf_from_buffer(struct ibuf *buf, void *data, size_t len)
{
	memset(buf, 0, sizeof(*buf));
	buf->buf = data;
	buf->size = buf->wpos = buf->max = len;
	buf->fd = IBUF_FD_MARK_ON_STACK;
}

void
ibuf_from_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	ibuf_from_buffer(buf, ibuf_data(from), ibuf_size(from));
}

int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (-1);
	}
	if (len > 0)
		memcpy(data, ibuf_data(buf), len);
	buf->rpos += len;
	return (0);
}

int
ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *new)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (-1);
	}
	ibuf_from_buffer(new, ibuf_data(buf), len);
	buf->rpos += len;
	return (0);
}

int
ibuf_get_n8(struct ibuf *buf, uint8_t *v)
{
	return (ibuf_get(buf, v, sizeof(*v)));
}

int
ibuf_get_n16(struct ibuf *buf, uint16_t *v)
{
	if (ibuf_get(buf, v, sizeof(*v)) == -1)
		return (-1);
	*v = be16toh(*v);
	return (0);
}

int
ibuf_get_n32(struct ibuf *buf, uint32_t *v)
{
	if (ibuf_get(buf, v, sizeof(*v)) == -1)
		return (-1);
	*v = be32toh(*v);
	return (0);
}

int
ibuf_get_n64(struct ibuf *buf, uint64_t *v)
{
	if (ibuf_get(buf, v, sizeof(*v)) == -1)
		return (-1);
	*v = be64toh(*v);
	return (0);
}

int
ibuf_get_h16(struct ibuf *buf, uint16_t *v)
{
	return (ibuf_get(buf, v, sizeof(*v)));
}

int
ibuf_get_h32(struct ibuf *buf, uint32_t *v)
{
	return (ibuf_get(buf, v, sizeof(*v)));
}

int
ibuf_get_h64(struct ibuf *buf, uint64_t *v)
{
	return (ibuf_get(buf, v, sizeof(*v)));
}

/* Take len bytes as a new NUL-terminated string; caller frees. */
char *
ibuf_get_string(struct ibuf *buf, size_t len)
{
	char	*str;

	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (NULL);
	}
	if ((str = strndup(ibuf_data(buf), len)) == NULL)
		return (NULL);
	buf->rpos += len;
	return (str);
}

/* Take a fixed string field; it must hold its own terminator. */
int
ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_get(buf, str, len) == -1)
		return (-1);
	if (str[len - 1] != '\0') {
		str[len - 1] = '\0';
		errno = EOVERFLOW;
		return (-1);
	}
	return (0);
}

int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return (-1);
	}
	buf->rpos += len;
	return (0);
}

void
ibuf_free(struct ibuf *buf)
{
	int	 save_errno = errno;

	if (buf == NULL || ibuf_is_view(buf))
		return;
	if (buf->fd >= 0)
		close(buf->fd);
	freezero(buf->buf, buf->size);
	free(buf);
	errno = save_errno;
}

int
ibuf_fd_avail(struct ibuf *buf)
{
	return (buf->fd >= 0);
}

int
ibuf_fd_get(struct ibuf *buf)
{
	int	 fd;

	if (buf->fd < 0)
		return (-1);
	fd = buf->fd;
	buf->fd = -1;
	return (fd);
}

void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (ibuf_is_view(buf))
		return;
	if (buf->fd >= 0)
		close(buf->fd);
	buf->fd = fd >= 0 ? fd : -1;
}

void
msgbuf_init(struct msgbuf *mb)
{
	TAILQ_INIT(&mb->bufs);
	mb->queued = 0;
}

static void
msgbuf_dequeue(struct msgbuf *mb, struct ibuf *buf)
{
	TAILQ_REMOVE(&mb->bufs, buf, entry);
	mb->queued--;
	ibuf_free(buf);
}

void
msgbuf_clear(struct msgbuf *mb)
{
	struct ibuf	*buf;

	while ((buf = TAILQ_FIRST(&mb->bufs)) != NULL)
		msgbuf_dequeue(mb, buf);
}

uint32_t
msgbuf_queuelen(struct msgbuf *mb)
{
	return (mb->queued);
}

static void
msgbuf_drain(struct msgbuf *mb, size_t n)
{
	struct ibuf	*buf;

	while (n > 0 && (buf = TAILQ_FIRST(&mb->bufs)) != NULL) {
		if (n < ibuf_size(buf)) {
			buf->rpos += n;
			return;
		}
		n -= ibuf_size(buf);
		msgbuf_dequeue(mb, buf);
	}
}

/*
 * Write what the socket takes.  A descriptor travels with the first byte
 * of its own message, so a message with one starts a new sendmsg().
 * Returns 0, also when the socket is full; -1 on error.
 */
int
msgbuf_write(int fd, struct msgbuf *mb)
{
	struct iovec		 iov[IOV_BATCH];
	struct msghdr		 msg;
	struct ibuf		*buf, *fdbuf = NULL;
	union {
		struct cmsghdr	 hdr;
		char		 buf[CMSG_SPACE(sizeof(int))];
	} cmsgbuf;
	struct cmsghdr		*cmsg;
	ssize_t			 n;
	int			 i = 0;

	TAILQ_FOREACH(buf, &mb->bufs, entry) {
		if (i == IOV_BATCH || (i > 0 && buf->fd >= 0))
			break;
		if (buf->fd >= 0)
			fdbuf = buf;
		iov[i].iov_base = ibuf_data(buf);
		iov[i].iov_len = ibuf_size(buf);
		i++;
	}
	if (i == 0)
		return (0);

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = i;
	if (fdbuf != NULL) {
		memset(&cmsgbuf, 0, sizeof(cmsgbuf));
		msg.msg_control = &cmsgbuf.buf;
		msg.msg_controllen = sizeof(cmsgbuf.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &fdbuf->fd, sizeof(int));
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		if (errno == EAGAIN || errno == ENOBUFS)
			return (0);
		return (-1);
	}
	if (fdbuf != NULL) {
		close(fdbuf->fd);
		fdbuf->fd = -1;
	}
	msgbuf_drain(mb, n);
	return (0);
}
