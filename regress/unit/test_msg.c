/* SPDX-License-Identifier: ISC */

/*
 * Who may say what to whom: the list of messages, and the settings that
 * the parent and the engines share.
 */

#include "unit.h"

#include <string.h>

#include "check.h"
#include "conf.h"
#include "set.h"

/* Every message has a name of its own and at least one way. */
static void
test_complete(void **state)
{
	uint32_t	 t;
	int		 from, to, ways;

	(void)state;
	for (t = IMSG_NONE + 1; t < IMSG_MAX; t++) {
		ways = 0;
		for (from = 0; from < PROC_MAX; from++)
			for (to = 0; to < PROC_MAX; to++)
				if (msg_wrong((enum proc_id)from,
				    (enum proc_id)to, t, 0, 0) == NULL ||
				    strcmp(msg_wrong((enum proc_id)from,
				    (enum proc_id)to, t, 0, 0),
				    "which it may not") != 0)
					ways++;
		assert_true(ways > 0);
		assert_true(strncmp(msg_name(t), "IMSG_", 5) == 0);
	}
	assert_string_equal(msg_name(IMSG_CUT), "IMSG_CUT");
	assert_string_equal(msg_name(CTL_FAIL), "CTL_FAIL");
	assert_string_equal(msg_name(4711), "?");
}

/* A process never sends to itself, nor does anybody send nothing. */
static void
test_nobody(void **state)
{
	uint32_t	 t;
	int		 p;

	(void)state;
	for (p = 0; p < PROC_MAX; p++) {
		for (t = 0; t < IMSG_MAX; t++)
			/* but workers tell each other who is where */
			if (p != PROC_CRYPTO || (t != IMSG_HERE &&
			    t != IMSG_AWAY))
				assert_string_equal(msg_wrong((enum proc_id)p,
				    (enum proc_id)p, t, 0, 0),
				    "which it may not");
		assert_non_null(msg_wrong((enum proc_id)p, PROC_PARENT,
		    IMSG_NONE, 0, 0));
		assert_non_null(msg_wrong((enum proc_id)p, PROC_PARENT,
		    IMSG_MAX, 0, 0));
	}
	assert_non_null(msg_wrong(PROC_MAX, PROC_PARENT, IMSG_STAGED, 0, 0));
	assert_non_null(msg_wrong(PROC_PARENT, PROC_MAX, IMSG_START, 0, 0));
}

/* Slots are processes: the first pair's are their numbers. */
static void
test_slots(void **state)
{
	uint32_t	 w;
	int		 i, slot, seen[PROC_SLOTS] = { 0 };

	(void)state;
	for (i = 0; i < PROC_MAX; i++) {
		assert_int_equal(proc_slot((enum proc_id)i, 0), i);
		seen[i] = 1;
	}
	for (w = 0; w < MAX_WORKERS; w++)
		for (i = PROC_CRYPTO; i <= PROC_SLIRP; i++) {
			slot = proc_slot((enum proc_id)i, w);
			assert_true(slot >= 0 && slot < PROC_SLOTS);
			assert_int_equal(seen[slot], w == 0);
			seen[slot] = 1;
			assert_int_equal(slot_proc(slot), i);
			assert_int_equal(slot_worker(slot), w);
		}
	for (i = 0; i < PROC_SLOTS; i++)
		assert_int_equal(seen[i], 1);
}

/* No key goes anywhere but from the parent to crypto, and to wg(8). */
static void
test_keys(void **state)
{
	int	 from, to;

	(void)state;
	for (from = 0; from < PROC_MAX; from++)
		for (to = 0; to < PROC_MAX; to++) {
			if (from != PROC_PARENT || to != PROC_CRYPTO)
				assert_non_null(msg_wrong((enum proc_id)from,
				    (enum proc_id)to, IMSG_CONF_KEY, KEY_LEN,
				    0));
			if (from != PROC_CRYPTO || to != PROC_CONTROL)
				assert_non_null(msg_wrong((enum proc_id)from,
				    (enum proc_id)to, IMSG_UAPI_DEVICE,
				    sizeof(struct uapi_device), 0));
		}
	assert_null(msg_wrong(PROC_PARENT, PROC_CRYPTO, IMSG_CONF_KEY,
	    KEY_LEN, 0));
}

/* Length and descriptor have to fit, too. */
static void
test_form(void **state)
{
	const size_t	 len = sizeof(struct route_msg);

	(void)state;
	assert_null(msg_wrong(PROC_SLIRP, PROC_CRYPTO, IMSG_ROUTE, len, 0));
	assert_null(msg_wrong(PROC_CRYPTO, PROC_SLIRP, IMSG_ROUTE, len, 0));
	assert_non_null(msg_wrong(PROC_CONTROL, PROC_CRYPTO, IMSG_ROUTE, len,
	    0));
	assert_non_null(msg_wrong(PROC_SLIRP, PROC_CRYPTO, IMSG_ROUTE,
	    len - 1, 0));
	assert_non_null(msg_wrong(PROC_SLIRP, PROC_CRYPTO, IMSG_ROUTE,
	    len + 1, 0));
	assert_non_null(msg_wrong(PROC_SLIRP, PROC_CRYPTO, IMSG_ROUTE, len,
	    1));
	assert_null(msg_wrong(PROC_PARENT, PROC_CRYPTO, IMSG_SOCKET, 4, 1));
	assert_non_null(msg_wrong(PROC_PARENT, PROC_CRYPTO, IMSG_SOCKET, 4,
	    0));
	assert_non_null(msg_wrong(PROC_PARENT, PROC_SLIRP, IMSG_SOCKET, 4,
	    1));
	/* a request of the control protocol goes to who answers it */
	assert_null(msg_wrong(PROC_CONTROL, PROC_SLIRP, CTL_SHOW_FLOWS,
	    sizeof(struct ctl_request), 0));
	assert_non_null(msg_wrong(PROC_SLIRP, PROC_CRYPTO, CTL_SHOW_PEERS,
	    sizeof(struct ctl_request), 0));
	assert_non_null(msg_wrong(PROC_SLIRP, PROC_CONTROL, CTL_PEER,
	    sizeof(struct ctl_peer), 0));
}

static void
test_congestion_names(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < CC_MAX; i++)
		assert_int_equal(tcpconf_cc(tcpconf_cc_name((enum cc_id)i)),
		    i);
	assert_int_equal(tcpconf_cc("vegas"), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_congestion_names)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
