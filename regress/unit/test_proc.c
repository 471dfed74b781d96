/* SPDX-License-Identifier: ISC */

/* Pipes between processes. */

#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include "ctl.h"
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

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(bound)
	};

	return (RUN(tests));
}
