/* SPDX-License-Identifier: ISC */

/*
 * Small readers of what others send: requests for ports (PCP, NAT-PMP), frames
 * and greetings of relays, headers of a SOCKS5 proxy's datagrams, fields of a
 * form, addresses and keys in text.
 */

#include <sys/types.h>

#include "addr.h"
#include "derp/frame.h"
#include "derp/hello.h"
#include "fuzz.h"
#include "key.h"
#include "slirp/pcp.h"
#include "slirp/socksassoc.h"

static void
ports(struct input *in)
{
	static uint8_t		 out[PCP_ANSWER_MAX];
	struct pcp_request	 q;
	struct ipaddr		 a;
	size_t			 n;
	int			 r;

	(void)ipaddr_parse(&a, in8(in) & 1 ? "10.77.0.2" : "fd77::2");
	r = pcp_parse(in->p, in->n, &a, &q);
	if (r == -1)
		return;
	MUST(q.rawlen <= sizeof(q.raw));
	n = pcp_answer(&q, (enum pcp_result)r, 100, 7, 4000, &a, out);
	MUST(n <= sizeof(out));
}

static void
frames(struct input *in)
{
	struct frame	 f;
	size_t		 used, skip;
	uint8_t		 sum = 0;
	size_t		 i;

	while (in->n > 0 && frame_next(in->p, in->n, &f, &used, &skip) ==
	    FRAME_OK) {
		MUST(used > 0 && used <= in->n);
		if (skip > 0) {
			/* the rest of it is still to come, and not read */
			MUST(used == in->n);
			break;
		}
		MUST(f.data >= in->p && f.data + f.len <= in->p + in->n);
		for (i = 0; i < f.len; i++)
			sum ^= f.data[i];
		in->p += used;
		in->n -= used;
	}
	(void)sum;
}

static void
greeting(struct input *in)
{
	struct server_info	 si;
	uint8_t			 a[KEY_LEN], b[KEY_LEN];
	int			 status;
	int			 n;

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	n = hello_head(in->p, in->n, &status);
	if (n > 0) {
		MUST((size_t)n <= in->n);
		(void)hello_has(in->p, (size_t)n, "upgrade", "derp");
	}
	(void)hello_server(a, b, in->p, in->n, &si);
}

static void
words(struct input *in)
{
	char		 s[300], t[300];
	struct ipaddr	 a, again;
	struct ipprefix	 x;
	uint8_t		 key[KEY_LEN];
	char		 b64[KEY_B64LEN];
	uint16_t	 port;
	size_t		 n = in_bytes(in, s, sizeof(s) - 1);

	s[n] = '\0';
	if (ipaddr_parse(&a, s) == 0) {
		(void)ipaddr_str(&a, t, sizeof(t));
		MUST(ipaddr_parse(&again, t) == 0 && ipaddr_cmp(&a, &again) ==
		    0);
	}
	if (ipprefix_parse(&x, s) == 0) {
		MUST(x.len <= ipaddr_bits(&x.addr));
		(void)ipprefix_str(&x, t, sizeof(t));
		MUST(ipprefix_parse(&x, t) == 0);
	}
	(void)port_parse(s, &port);
	(void)host_name_ok(s);
	if (key_from_base64(key, s) == 0) {
		key_to_base64(b64, key);
		MUST(strcmp(b64, s) == 0);
	}
	(void)key_from_text(key, s);
	(void)key_from_node(key, "nodekey:", s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input	 in = { data, len };
	struct ipaddr	 a;
	uint16_t	 port;

	switch (in8(&in) % 5) {
	case 0:
		ports(&in);
		break;
	case 1:
		frames(&in);
		break;
	case 2:
		greeting(&in);
		break;
	case 3:
		(void)assoc_from(in.p, in.n, &a, &port);
		break;
	case 4:
		words(&in);
		break;
	}
	return (0);
}
