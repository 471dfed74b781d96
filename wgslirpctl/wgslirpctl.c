/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert.h"
#include "keys.h"
#include "output.h"

/* A peer's answer comes in parts, which are shown together. */
struct collect {
	struct ctl_peer		 peer;
	int			 have;
	struct ipprefix		*aips;
	size_t			 naips;
	size_t			 capaips;
	struct ctl_peerflows	*flows;
	size_t			 nflows;
	size_t			 capflows;
};

static struct imsgbuf		 ibuf;
static const struct output	*out = &output_text;
static struct collect		 col;
static const char		*wanted;	/* peer not seen yet */

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: wgslirpctl [-j] [-s socket] command\n"
	    "commands: show [summary|peers [name]|flows|counters|processes|"
	    "rules|metrics]\n"
	    "          reload | flush | refresh | pause | resume | log brief|verbose |"
	    " kill flow ID\n"
	    "          genkey | pubkey | genpsk | convert FILE\n");
	exit(1);
}

static void
ctl_connect(const char *path)
{
	struct sockaddr_un	 sun;
	char			 buf[sizeof(sun.sun_path) + 1];
	int			 fd;

	if (path == NULL &&
	    (path = ctl_default_path(buf, sizeof(buf))) == NULL)
		errx(1, "control socket: XDG_RUNTIME_DIR is not set, use -s");
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		errx(1, "%s: path too long", path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", path);
	if (imsgbuf_init(&ibuf, fd) == -1)
		err(1, NULL);
}

static int
cmp_flows(const void *a, const void *b)
{
	const struct ctl_peerflows	*fa = a, *fb = b;

	return (fa->id < fb->id ? -1 : fa->id > fb->id);
}

static void
show_peer(void)
{
	struct ctl_peerflows	 key = { col.peer.id, 0 }, *f;

	if (!col.have)
		return;
	f = bsearch(&key, col.flows, col.nflows, sizeof(*f), cmp_flows);
	out->peer(&col.peer, f != NULL ? f->flows : 0, col.aips, col.naips);
	col.have = 0;
	col.naips = 0;
}

/* Grow an array by doubling. */
static void *
grow(void *p, size_t n, size_t *cap, size_t size)
{
	size_t	 nc = *cap == 0 ? 16 : *cap * 2;

	if (n < *cap)
		return (p);
	if ((p = recallocarray(p, *cap, nc, size)) == NULL)
		err(1, NULL);
	*cap = nc;
	return (p);
}

#define COUNTER_ROW(name, help)	out->counter(#name, help, c->name);

static void
show_crypto(const struct crypto_counters *c)
{
	CRYPTO_COUNTERS(COUNTER_ROW)
}

static void
show_slirp(const struct slirp_counters *c)
{
	SLIRP_COUNTERS(COUNTER_ROW)
}

static void
get(struct imsg *imsg, void *data, size_t len)
{
	if (imsg_get_data(imsg, data, len) == -1)
		errx(1, "the daemon is of another version");
}

/* One message of the answer.  Returns 1 at its end. */
static int
handle(struct imsg *imsg, uint32_t type)
{
	struct crypto_counters	 cc;
	struct slirp_counters	 sc;
	struct ctl_summary	 sum;
	struct ctl_process	 proc;
	struct ctl_flow		 flow;
	struct ctl_aip		 aip;
	struct ctl_rule		 rule;
	char			 text[CTL_TEXT_LEN];

	switch (imsg_get_type(imsg)) {
	case CTL_SUMMARY:
		get(imsg, &sum, sizeof(sum));
		out->summary(&sum);
		break;
	case CTL_PEERFLOWS:
		col.flows = grow(col.flows, col.nflows, &col.capflows,
		    sizeof(*col.flows));
		get(imsg, &col.flows[col.nflows++], sizeof(*col.flows));
		break;
	case CTL_PEER:
		if (wanted != NULL)
			out->head(type);
		wanted = NULL;
		show_peer();
		get(imsg, &col.peer, sizeof(col.peer));
		col.peer.name[sizeof(col.peer.name) - 1] = '\0';
		col.have = 1;
		break;
	case CTL_AIP:
		get(imsg, &aip, sizeof(aip));
		col.aips = grow(col.aips, col.naips, &col.capaips,
		    sizeof(*col.aips));
		col.aips[col.naips++] = aip.prefix;
		break;
	case CTL_FLOW:
		get(imsg, &flow, sizeof(flow));
		flow.peer_name[sizeof(flow.peer_name) - 1] = '\0';
		flow.state[sizeof(flow.state) - 1] = '\0';
		out->flow(&flow);
		break;
	case CTL_CRYPTO_COUNTERS:
		get(imsg, &cc, sizeof(cc));
		show_crypto(&cc);
		break;
	case CTL_SLIRP_COUNTERS:
		get(imsg, &sc, sizeof(sc));
		show_slirp(&sc);
		break;
	case CTL_PROCESS:
		get(imsg, &proc, sizeof(proc));
		proc.title[sizeof(proc.title) - 1] = '\0';
		out->process(&proc);
		break;
	case CTL_RULE:
		get(imsg, &rule, sizeof(rule));
		rule.text[sizeof(rule.text) - 1] = '\0';
		out->rule(&rule);
		break;
	case CTL_END:
		if (wanted != NULL)
			errx(1, "no peer \"%s\"", wanted);
		if (type == CTL_SHOW_PEERS)
			show_peer();
		return (1);
	case CTL_OK:
		return (1);
	case CTL_FAIL:
		get(imsg, text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		errx(1, "%s", text);
	default:
		errx(1, "the daemon is of another version");
	}
	return (0);
}

/* The first message of an answer: an error, or something to show. */
static void
begin(struct imsg *imsg, uint32_t type, const char *name)
{
	switch (imsg_get_type(imsg)) {
	case CTL_FAIL:
		break;
	case CTL_END:
	case CTL_PEERFLOWS:
		if (type == CTL_SHOW_PEERS && name != NULL) {
			wanted = name;
			break;
		}
		/* FALLTHROUGH */
	default:
		out->head(type);
	}
}

/* Send a request and show the answer. */
static void
request(uint32_t type, uint64_t arg, const char *name)
{
	struct ctl_request	 req;
	struct imsg		 imsg;
	int			 n, done = 0, headed = 0;

	memset(&req, 0, sizeof(req));
	req.arg = arg;
	if (name != NULL && strlcpy(req.name, name, sizeof(req.name)) >=
	    sizeof(req.name))
		errx(1, "no peer \"%s\"", name);
	if (imsg_compose(&ibuf, type, 0, 0, -1, &req, sizeof(req)) == -1 ||
	    imsgbuf_flush(&ibuf) == -1)
		err(1, "control socket");
	while (!done) {
		if ((n = imsgbuf_get(&ibuf, &imsg)) == -1)
			err(1, "control socket");
		if (n == 0) {
			if ((n = imsgbuf_read(&ibuf)) == -1)
				err(1, "control socket");
			if (n == 0)
				errx(1, "the daemon closed the connection");
			continue;
		}
		/* not before it is clear that there is an answer */
		if (!headed++)
			begin(&imsg, type, name);
		done = handle(&imsg, type);
		imsg_free(&imsg);
	}
	out->tail(type);
}

static uint64_t
flow_number(const char *s)
{
	const char	*errstr;
	long long	 v;

	v = strtonum(s, 0, INT64_MAX, &errstr);
	if (errstr != NULL)
		errx(1, "flow id %s is %s", s, errstr);
	return ((uint64_t)v);
}

static void
cmd_show(int argc, char *argv[], const char *path)
{
	static const struct {
		const char	*name;
		uint32_t	 type;
	}			 what[] = {
		{ "counters", CTL_SHOW_COUNTERS },
		{ "flows", CTL_SHOW_FLOWS },
		{ "peers", CTL_SHOW_PEERS },
		{ "processes", CTL_SHOW_PROCESSES },
		{ "rules", CTL_SHOW_RULES },
		{ "summary", CTL_SHOW_SUMMARY }
	};
	const char		*arg = argc > 0 ? argv[0] : "summary";
	size_t			 i;

	if (strcmp(arg, "metrics") == 0 && argc == 1) {
		out = &output_ometric;
		ctl_connect(path);
		request(CTL_SHOW_PEERS, 0, NULL);
		request(CTL_SHOW_COUNTERS, 0, NULL);
		return;
	}
	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if (strcmp(what[i].name, arg) == 0)
			break;
	if (i == sizeof(what) / sizeof(what[0]) || argc > 2 ||
	    (argc == 2 && what[i].type != CTL_SHOW_PEERS))
		usage();
	ctl_connect(path);
	request(what[i].type, 0, argc == 2 ? argv[1] : NULL);
}

/* Commands that are a request without arguments; 0 for any other. */
static uint32_t
plain_command(const char *cmd)
{
	static const struct {
		const char	*name;
		uint32_t	 type;
	}			 c[] = {
		{ "flush", CTL_FLUSH },
		{ "pause", CTL_PAUSE },
		{ "refresh", CTL_REFRESH },
		{ "reload", CTL_RELOAD },
		{ "resume", CTL_RESUME }
	};
	size_t			 i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		if (strcmp(c[i].name, cmd) == 0)
			return (c[i].type);
	return (0);
}

int
main(int argc, char *argv[])
{
	const char	*path = NULL, *cmd;
	uint32_t	 type;
	int		 ch;

	while ((ch = getopt(argc, argv, "js:")) != -1) {
		switch (ch) {
		case 'j':
			out = &output_json;
			break;
		case 's':
			path = optarg;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		usage();
	cmd = argv[0];
	if (strcmp(cmd, "show") == 0)
		cmd_show(argc - 1, argv + 1, path);
	else if (strcmp(cmd, "genkey") == 0 && argc == 1)
		key_generate(0);
	else if (strcmp(cmd, "genpsk") == 0 && argc == 1)
		key_generate(1);
	else if (strcmp(cmd, "pubkey") == 0 && argc == 1)
		return (key_public());
	else if (argc == 1 && (type = plain_command(cmd)) != 0) {
		ctl_connect(path);
		request(type, 0, NULL);
	} else if (strcmp(cmd, "convert") == 0 && argc == 2)
		convert(argv[1]);
	else if (strcmp(cmd, "log") == 0 && argc == 2 &&
	    (strcmp(argv[1], "brief") == 0 ||
	    strcmp(argv[1], "verbose") == 0)) {
		ctl_connect(path);
		request(CTL_LOG, argv[1][0] == 'v', NULL);
	} else if (strcmp(cmd, "kill") == 0 && argc == 3 &&
	    strcmp(argv[1], "flow") == 0) {
		uint64_t	 id = flow_number(argv[2]);

		ctl_connect(path);
		request(CTL_KILL_FLOW, id, NULL);
	} else
		usage();
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return (0);
}
