/* SPDX-License-Identifier: ISC */

/* Pipes between processes. */

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "control/ask.h"
#include "ctl.h"
#include "proc/linkio.h"
#include "proc/proc.h"
#include "unit.h"

#define BOUND	100
#define ASKED	20000

static int	 heard;

/* Each question has an answer ten times as large. */
static void
answer(struct imsgev *iev, struct imsg *imsg)
{
	uint8_t	 text[CTL_TEXT_LEN] = { 0 };
	int	 i;

	assert_non_null(imsg);
	heard++;
	for (i = 0; i < 10; i++)
		assert_int_equal(imsgev_send(iev, CTL_FAIL,
		    imsg_get_id(imsg), -1, text, sizeof(text)), 0);
}

/* Who asks and does not read is not heard; who reads gets every answer. */
static void
bound(void **state)
{
	struct imsgev		 iev;
	struct ctl_request	 req;
	struct imsgbuf		 mine;
	struct imsg		 imsg;
	uint32_t		 most = 0, want = 0;
	int			 fds[2], i, got = 0, asked = 0, idle = 0;

	(void)state;
	memset(&req, 0, sizeof(req));
	assert_non_null(evbase = event_base_new());
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	assert_int_equal(imsgev_init(&iev, fds[0], PROC_CONTROL, answer,
	    NULL), 0);
	imsgev_bound(&iev, BOUND);
	assert_int_equal(imsgbuf_init(&mine, fds[1]), 0);
	for (i = 0; i < ASKED; i++) {
		assert_int_not_equal(imsg_compose(&mine, CTL_LOG, (uint32_t)i,
		    0, -1, &req, sizeof(req)), -1);
		(void)imsgbuf_write(&mine);
		event_base_loop(evbase, EVLOOP_NONBLOCK);
		if (imsgbuf_queuelen(&iev.ibuf) > most)
			most = imsgbuf_queuelen(&iev.ibuf);
		asked++;
	}
	assert_in_range(most, BOUND, BOUND + 10);
	assert_true(heard < ASKED / 2);
	/* now it listens */
	while (got < ASKED * 10 && idle < 1000) {
		idle++;
		assert_int_not_equal(imsgbuf_write(&mine), -1);
		event_base_loop(evbase, EVLOOP_NONBLOCK);
		assert_int_equal(imsgbuf_read(&mine), 1);
		while (imsgbuf_get(&mine, &imsg) == 1) {
			assert_int_equal(imsg_get_id(&imsg), want);
			if (++got % 10 == 0)
				want++;
			imsg_free(&imsg);
			idle = 0;
		}
	}
	assert_int_equal(got, ASKED * 10);
	assert_int_equal(heard, ASKED);
	imsgev_clear(&iev);
	imsgbuf_clear(&mine);
	close(fds[1]);
	event_base_free(evbase);
}

static int
open_files(void)
{
	int	 fd, n = 0;

	for (fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return (n);
}

/* A message may bring one descriptor; of others nothing is left here. */
static void
passed(void **state)
{
	struct {
		struct cmsghdr	 hdr;
		int		 fd[4];
	}		 control;
	static uint8_t	 data[LINK_DATA_MAX];
	struct msghdr	 m;
	struct iovec	 iov;
	uint32_t	 hdr = 0x12345678;
	size_t		 len;
	int		 fds[2], fd, n, i, before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	before = open_files();
	assert_int_equal(link_pass(fds[0], &hdr, sizeof(hdr),
	    (const uint8_t *)"abc", 3, fds[1]), 0);
	hdr = 0;
	assert_int_equal(link_take(fds[1], &hdr, sizeof(hdr), data, &len,
	    &fd), 1);
	assert_int_equal(hdr, 0x12345678);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	assert_int_not_equal(fd, -1);
	close(fd);
	/* without data, and without a descriptor */
	assert_int_equal(link_pass(fds[0], &hdr, sizeof(hdr), NULL, 0, -1),
	    0);
	assert_int_equal(link_take(fds[1], &hdr, sizeof(hdr), data, &len,
	    &fd), 1);
	assert_int_equal(len, 0);
	assert_int_equal(fd, -1);
	/* an emulator counts what comes itself, and says that it was one */
	for (n = getenv("EMULATED") != NULL ? 5 : 2; n <= 4; n++) {
		memset(&m, 0, sizeof(m));
		memset(&control, 0, sizeof(control));
		iov.iov_base = &hdr;
		iov.iov_len = sizeof(hdr);
		m.msg_iov = &iov;
		m.msg_iovlen = 1;
		m.msg_control = &control;
		m.msg_controllen = CMSG_LEN((size_t)n * sizeof(int));
		control.hdr.cmsg_len = m.msg_controllen;
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		for (i = 0; i < n; i++)
			memcpy(CMSG_DATA(&control.hdr) + (size_t)i *
			    sizeof(int), &fds[0], sizeof(int));
		assert_int_equal(sendmsg(fds[0], &m, 0), sizeof(hdr));
		assert_int_equal(link_take(fds[1], &hdr, sizeof(hdr), data,
		    &len, &fd), 1);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(open_files(), before);
	close(fds[0]);
	assert_int_equal(link_take(fds[1], &hdr, sizeof(hdr), data, &len,
	    &fd), -1);
	close(fds[1]);
}

#define WORKERS	3

static struct imsgev	 pipes[PROC_SLOTS];
static struct imsgbuf	 workers[WORKERS];
static struct question	*question;
static int		 nrecords, nmore, nends;
static uint64_t		 matches;

/* Who asks has room for more at once. */
static void
asker(void *arg, uint32_t type, const void *data, size_t len)
{
	struct ctl_rule	 r;

	(void)arg;
	switch (type) {
	case CTL_RULE:
		assert_int_equal(len, sizeof(r));
		memcpy(&r, data, sizeof(r));
		assert_int_equal(r.number, nrecords);
		matches += r.matches;
		nrecords++;
		break;
	case CTL_FLOW:
		nrecords++;
		break;
	case CTL_MORE:
		assert_true(++nmore < 10);
		ask_next(question);
		break;
	default:
		assert_int_equal(type, CTL_END);
		nends++;
	}
}

static void
hear(struct imsgev *iev, struct imsg *imsg)
{
	ask_answer(iev, imsg);
}

/* A worker with so many rules, each of which has decided once. */
static void
serve(struct imsgbuf *ibuf, uint64_t rules)
{
	struct ctl_request	 req;
	struct ctl_more		 more;
	struct ctl_rule		 r;
	struct ctl_flow		 f;
	struct imsg		 imsg;
	uint64_t		 i;

	if (imsgbuf_read(ibuf) != 1)
		return;
	while (imsgbuf_get(ibuf, &imsg) == 1) {
		assert_int_equal(imsg_get_data(&imsg, &req, sizeof(req)), 0);
		for (i = req.cursor; i < rules && i < req.cursor +
		    CTL_PORTION; i++) {
			memset(&r, 0, sizeof(r));
			memset(&f, 0, sizeof(f));
			r.number = i;
			r.matches = 1;
			if (imsg_get_type(&imsg) == CTL_SHOW_RULES)
				imsg_compose(ibuf, CTL_RULE, imsg_get_id(
				    &imsg), 0, -1, &r, sizeof(r));
			else
				imsg_compose(ibuf, CTL_FLOW, imsg_get_id(
				    &imsg), 0, -1, &f, sizeof(f));
		}
		more.cursor = i;
		imsg_compose(ibuf, i < rules ? CTL_MORE : CTL_END,
		    imsg_get_id(&imsg), 0, -1, i < rules ? &more : NULL,
		    i < rules ? sizeof(more) : 0);
		imsg_free(&imsg);
	}
	while (imsgbuf_queuelen(ibuf) > 0)
		assert_int_not_equal(imsgbuf_write(ibuf), -1);
}

static void
ask_all(uint32_t type, const uint64_t rules[WORKERS])
{
	int	 i, k;

	nrecords = nmore = nends = 0;
	matches = 0;
	assert_non_null(question = ask(type, NULL, asker, NULL));
	for (i = 0; i < 100 && nends == 0; i++)
		for (k = 0; k < WORKERS; k++) {
			event_base_loop(evbase, EVLOOP_NONBLOCK);
			serve(&workers[k], rules[k]);
		}
	assert_int_equal(nends, 1);
}

/* All workers answer as one, however much each of them has to say. */
static void
questions(void **state)
{
	int	 fds[2], w, slot;

	(void)state;
	assert_non_null(evbase = event_base_new());
	for (w = 0; w < WORKERS; w++) {
		slot = proc_slot(PROC_SLIRP, (uint32_t)w);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM |
		    SOCK_NONBLOCK, 0, fds), 0);
		/* hear() is what control is to these */
		assert_int_equal(imsgev_init(&pipes[slot], fds[0], slot, hear,
		    NULL), 0);
		assert_int_equal(imsgbuf_init(&workers[w], fds[1]), 0);
	}
	proc_is(PROC_CONTROL);
	ask_init(pipes);
	ask_all(CTL_SHOW_RULES, (const uint64_t []){ 150, 150, 150 });
	assert_int_equal(nrecords, 150);
	assert_int_equal(matches, 450);
	ask_all(CTL_SHOW_RULES, (const uint64_t []){ 0, 0, 0 });
	assert_int_equal(nrecords, 0);
	/* they have another configuration for a moment */
	ask_all(CTL_SHOW_RULES, (const uint64_t []){ 10, 70, 200 });
	assert_true(nrecords >= 10 && nrecords <= CTL_PORTION);
	ask_all(CTL_SHOW_RULES, (const uint64_t []){ 200, 70, 10 });
	assert_int_equal(nrecords, 200);
	/* who is slow gets no more than a portion at once */
	ask_all(CTL_SHOW_FLOWS, (const uint64_t []){ 100, 1, 40 });
	assert_int_equal(nrecords, 141);
	assert_true(nmore >= 3);
	for (w = 0; w < WORKERS; w++) {
		imsgev_clear(&pipes[proc_slot(PROC_SLIRP, (uint32_t)w)]);
		close(workers[w].fd);
		imsgbuf_clear(&workers[w]);
	}
	event_base_free(evbase);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(bound),
		cmocka_unit_test(passed),
		cmocka_unit_test(questions)
	};

	return (RUN(tests));
}
