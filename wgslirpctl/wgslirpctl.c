/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "conn.h"
#include "convert.h"
#include "keys.h"
#include "memory.h"
#include "output.h"
#include "pcap.h"
#include "peer.h"
#include "peers.h"
#include "restart.h"
#include "top.h"
#include "version.h"
#include "web.h"

#define HEALTH_TIME	5	/* seconds for an answer */

static const struct output	*out = &output_text;
static const char		*wanted;	/* peer not seen yet */

static const char		*path;		/* of the socket, or NULL */
static int			 json;

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: wgslirpctl [-hj] [-s socket] command\n");
	command_list(stderr);
	exit(1);
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
show_derp(const struct derp_counters *c)
{
	DERP_COUNTERS(COUNTER_ROW)
}

/* Which flows are shown. */
static struct {
	const char	*peer;
	const char	*state;
	uint8_t		 proto;
	uint16_t	 port;
	struct ipprefix	 to;
	int		 (*cmp)(const void *, const void *);	/* NULL: as come */
	struct ctl_flow	*flow;		/* those that are to be sorted */
	size_t		 n;
	size_t		 cap;
} only;

static int
flow_by_rx(const void *a, const void *b)
{
	uint64_t	 x = ((const struct ctl_flow *)a)->rx_bytes;
	uint64_t	 y = ((const struct ctl_flow *)b)->rx_bytes;

	return (x < y ? 1 : x > y ? -1 : 0);
}

static int
flow_by_tx(const void *a, const void *b)
{
	uint64_t	 x = ((const struct ctl_flow *)a)->tx_bytes;
	uint64_t	 y = ((const struct ctl_flow *)b)->tx_bytes;

	return (x < y ? 1 : x > y ? -1 : 0);
}

static int
flow_by_age(const void *a, const void *b)
{
	uint64_t	 x = ((const struct ctl_flow *)a)->age;
	uint64_t	 y = ((const struct ctl_flow *)b)->age;

	return (x < y ? 1 : x > y ? -1 : 0);
}

static int
flow_by_peer(const void *a, const void *b)
{
	return (strcmp(((const struct ctl_flow *)a)->peer_name,
	    ((const struct ctl_flow *)b)->peer_name));
}

static int
flow_by_to(const void *a, const void *b)
{
	const struct ctl_flow	*x = a, *y = b;
	int			 r = ipaddr_cmp(&x->dst, &y->dst);

	return (r != 0 ? r : (int)x->dport - (int)y->dport);
}

static void
sort_by(const char *what)
{
	static const struct {
		const char	*name;
		int		 (*cmp)(const void *, const void *);
	}			 keys[] = { { "rx", flow_by_rx },
				    { "tx", flow_by_tx },
				    { "age", flow_by_age },
				    { "peer", flow_by_peer },
				    { "to", flow_by_to } };
	size_t			 i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(what, keys[i].name) == 0)
			only.cmp = keys[i].cmp;
	if (only.cmp == NULL)
		errx(1, "sort %s: not one of rx, tx, age, peer, to", what);
}

/* Those that were kept, in their order. */
static void
show_sorted(void)
{
	size_t	 i;

	if (only.n > 0)
		qsort(only.flow, only.n, sizeof(*only.flow), only.cmp);
	for (i = 0; i < only.n; i++)
		out->flow(&only.flow[i]);
	only.n = 0;
}

static int
wanted_flow(const struct ctl_flow *f)
{
	uint8_t	 proto = f->proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : f->proto;

	return ((only.peer == NULL || strcmp(only.peer, f->peer_name) == 0) &&
	    (only.state == NULL || strcmp(only.state, f->state) == 0) &&
	    (only.proto == 0 || only.proto == proto) &&
	    (only.port == 0 || only.port == f->dport ||
	    only.port == f->sport) && (only.to.addr.af == 0 ||
	    ipprefix_match(&only.to, &f->dst)));
}

/* One message of the answer.  Returns 1 at its end. */
static int
handle(struct imsg *imsg, uint32_t type)
{
	struct crypto_counters	 cc;
	struct slirp_counters	 sc;
	struct derp_counters	 dc;
	struct ctl_summary	 sum;
	struct ctl_process	 proc;
	struct ctl_flow		 flow;
	struct ctl_peer		 peer;
	struct ctl_peerflows	 flows;
	struct ctl_aip		 aip;
	struct ctl_rule		 rule;
	struct ctl_entry	 entry;

	switch (imsg_get_type(imsg)) {
	case CTL_SUMMARY:
		conn_get(imsg, &sum, sizeof(sum));
		out->summary(&sum);
		break;
	case CTL_PEERFLOWS:
		conn_get(imsg, &flows, sizeof(flows));
		peers_flows(&flows);
		break;
	case CTL_PEER:
		if (wanted != NULL)
			out->head(type);
		wanted = NULL;
		conn_get(imsg, &peer, sizeof(peer));
		peer.name[sizeof(peer.name) - 1] = '\0';
		peers_peer(&peer);
		break;
	case CTL_AIP:
		conn_get(imsg, &aip, sizeof(aip));
		peers_aip(&aip.prefix);
		break;
	case CTL_FLOW:
		conn_get(imsg, &flow, sizeof(flow));
		flow.peer_name[sizeof(flow.peer_name) - 1] = '\0';
		flow.state[sizeof(flow.state) - 1] = '\0';
		if (!wanted_flow(&flow))
			break;
		if (only.cmp == NULL) {
			out->flow(&flow);
			break;
		}
		only.flow = grow(only.flow, only.n, &only.cap,
		    sizeof(*only.flow));
		only.flow[only.n++] = flow;
		break;
	case CTL_CRYPTO_COUNTERS:
		conn_get(imsg, &cc, sizeof(cc));
		show_crypto(&cc);
		break;
	case CTL_SLIRP_COUNTERS:
		conn_get(imsg, &sc, sizeof(sc));
		show_slirp(&sc);
		break;
	case CTL_DERP_COUNTERS:
		conn_get(imsg, &dc, sizeof(dc));
		show_derp(&dc);
		break;
	case CTL_PROCESS:
		conn_get(imsg, &proc, sizeof(proc));
		proc.title[sizeof(proc.title) - 1] = '\0';
		out->process(&proc);
		break;
	case CTL_RULE:
		conn_get(imsg, &rule, sizeof(rule));
		rule.text[sizeof(rule.text) - 1] = '\0';
		out->rule(&rule);
		break;
	case CTL_ENTRY:
		conn_get(imsg, &entry, sizeof(entry));
		entry.kind[sizeof(entry.kind) - 1] =
		    entry.name[sizeof(entry.name) - 1] =
		    entry.value[sizeof(entry.value) - 1] = '\0';
		out->entry(&entry);
		break;
	case CTL_END:
		if (wanted != NULL)
			errx(1, "no peer \"%s\"", wanted);
		peers_show(out);
		show_sorted();
		return (1);
	case CTL_OK:
		return (1);
	default:
		errx(1, "the daemon is of another version");
	}
	return (0);
}

/* A request that is being answered. */
struct asked {
	uint32_t	 type;
	const char	*name;
	int		 headed;
};

/* The first message of an answer: an end, or something to show. */
static void
begin(uint32_t what, struct asked *a)
{
	if ((what == CTL_END || what == CTL_PEERFLOWS) &&
	    a->type == CTL_SHOW_PEERS && a->name != NULL)
		wanted = a->name;
	else
		out->head(a->type);
}

static int
answered(uint32_t what, struct imsg *imsg, void *arg)
{
	struct asked	*a = arg;

	/* not before it is clear that there is an answer */
	if (!a->headed++)
		begin(what, a);
	return (handle(imsg, a->type));
}

/* Send a request and show the answer. */
static void
request(uint32_t type, uint64_t arg, const char *name)
{
	struct asked	 a = { type, name, 0 };

	conn_must(type, arg, name, answered, &a);
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

/* ---- the commands */

static void
do_show(const struct command *c, int argc, char *argv[])
{
	conn_open(path);
	request(c->arg, 0, argc > 0 ? argv[0] : NULL);
}

static void
do_peers(const struct command *c, int argc, char *argv[])
{
	if (argc > 0 && strcmp(argv[0], "-v") == 0) {
		output_wide = 1;
		argc--;
		argv++;
	}
	if (argc > 1)
		errx(1, "usage: wgslirpctl show peers [-v] [NAME]");
	/* one is shown as a whole */
	if (argc == 1)
		output_wide = 1;
	do_show(c, argc, argv);
}

static uint8_t
proto_number(const char *s)
{
	if (strcmp(s, "tcp") == 0)
		return (IPPROTO_TCP);
	if (strcmp(s, "udp") == 0)
		return (IPPROTO_UDP);
	if (strcmp(s, "icmp") == 0)
		return (IPPROTO_ICMP);
	errx(1, "proto %s: not one of tcp, udp, icmp", s);
}

/* Words in pairs: what, and which. */
static void
do_flows(const struct command *c, int argc, char *argv[])
{
	uint16_t	 port;
	int		 i = 0;

	if (argc > 0 && strcmp(argv[0], "-w") == 0)
		output_wide = ++i;
	/* a pipe has no width */
	if (!isatty(STDOUT_FILENO))
		output_wide = 1;
	for (; i < argc; i += 2) {
		if (i + 1 == argc)
			errx(1, "%s: what?", argv[i]);
		if (strcmp(argv[i], "peer") == 0)
			only.peer = argv[i + 1];
		else if (strcmp(argv[i], "state") == 0)
			only.state = argv[i + 1];
		else if (strcmp(argv[i], "sort") == 0)
			sort_by(argv[i + 1]);
		else if (strcmp(argv[i], "proto") == 0)
			only.proto = proto_number(argv[i + 1]);
		else if (strcmp(argv[i], "port") == 0) {
			if (port_parse(argv[i + 1], &port) == -1)
				errx(1, "port %s: not one", argv[i + 1]);
			only.port = port;
		} else if (strcmp(argv[i], "to") == 0) {
			if (ipprefix_parse(&only.to, argv[i + 1]) == -1)
				errx(1, "to %s: not an address or prefix",
				    argv[i + 1]);
		} else
			errx(1, "%s: not one of peer, proto, state, port, to, sort",
			    argv[i]);
	}
	conn_open(path);
	request(c->arg, 0, NULL);
}

static void
do_metrics(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	out = &output_ometric;
	conn_open(path);
	request(CTL_SHOW_PEERS, 0, NULL);
	request(CTL_SHOW_COUNTERS, 0, NULL);
	request(CTL_SHOW_RULES, 0, NULL);
	request(CTL_SHOW_SUMMARY, 0, NULL);
	request(CTL_SHOW_PROCESSES, 0, NULL);
}

static void
do_restart(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	restart(path);
}

static void
do_memory(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	conn_open(path);
	memory_show(json);
}

static void
do_log(const struct command *c, int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	conn_open(path);
	request(CTL_LOG, c->arg, NULL);
}

static void
do_kill_flow(const struct command *c, int argc, char *argv[])
{
	uint64_t	 id = flow_number(argv[0]);

	(void)c;
	(void)argc;
	conn_open(path);
	request(CTL_KILL_FLOW, id, NULL);
}

static void
do_health(const struct command *c, int argc, char *argv[])
{
	const char	*e;

	(void)c;
	(void)argc;
	(void)argv;
	conn_open(path);
	conn_patience(HEALTH_TIME);
	e = conn_ask(CTL_HEALTH, 0, NULL, NULL, NULL);
	if (json)
		printf("{\"healthy\":%s}\n", e == NULL ? "true" : "false");
	if (e != NULL)
		errx(1, "%s", e);
}

static void
do_key(const struct command *c, int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	if (c->arg < 2)
		key_generate((int)c->arg);
	else if (key_public() != 0)
		exit(1);
}

static void
do_convert(const struct command *c, int argc, char *argv[])
{
	(void)c;
	if (strcmp(argv[0], "-r") == 0) {
		if (argc < 2)
			errx(1, "usage: wgslirpctl convert -r FILE [PEER]");
		convert_back(argv[1], argc > 2 ? argv[2] : NULL);
	} else if (strcmp(argv[0], "-u") == 0) {
		if (argc != 3)
			errx(1, "usage: wgslirpctl convert -u FILE NAME");
		convert(argv[1], argv[2]);
	} else if (argc > 1)
		errx(1, "usage: wgslirpctl convert FILE");
	else
		convert(argv[0], NULL);
}

static void
do_peer(const struct command *c, int argc, char *argv[])
{
	const char	*file = NULL;

	switch (c->arg) {
	case PEER_QR:
		if (argc == 3 && strcmp(argv[1], "-o") == 0)
			file = argv[2];
		else if (argc != 1)
			errx(1, "peer qr NAME [-o FILE]");
		conn_open(path);
		peer_qr(argv[0], file, json);
		break;
	case PEER_NEW:
		conn_open(path);
		peer_new(argc, argv, json);
		break;
	case PEER_SET:
		conn_open(path);
		peer_change(argc, argv);
		break;
	case PEER_LIST:
		conn_open(path);
		peer_list(json);
		break;
	case PEER_ENABLE:
	case PEER_DISABLE:
		conn_open(path);
		peer_state(argv[0], c->arg == PEER_ENABLE);
		break;
	case PEER_DELETE:
		conn_open(path);
		peer_delete(argv[0]);
		break;
	case PEER_RENAME:
		conn_open(path);
		peer_rename(argv[0], argv[1]);
		break;
	}
}

static void
do_web(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	web_password();
}

static int
show_event(uint32_t type, struct imsg *imsg, void *arg)
{
	struct ctl_event	 e;

	(void)arg;
	if (type != CTL_EVENT)
		return (0);
	conn_get(imsg, &e, sizeof(e));
	e.kind[sizeof(e.kind) - 1] = e.peer[sizeof(e.peer) - 1] =
	    e.text[sizeof(e.text) - 1] = '\0';
	out->event(&e);
	/* whoever reads a pipe wants it now */
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return (0);
}

static void
do_monitor(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	conn_open(path);
	conn_must(CTL_MONITOR, 0, NULL, show_event, NULL);
}

static void
do_pcap(const struct command *c, int argc, char *argv[])
{
	(void)c;
	if (argc != 0 && (argc != 2 || strcmp(argv[0], "peer") != 0))
		errx(1, "usage: wgslirpctl pcap [peer NAME]");
	conn_open(path);
	pcap_stream(argc == 2 ? argv[1] : NULL);
}

static void
do_top(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	conn_open(path);
	top();
}

static void
do_version(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	printf(json ? "{\"version\":\"%s\"}\n" : "wgslirpctl %s\n",
	    WGSLIRPD_VERSION);
}

static void
do_completion(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	if (command_completion(argv[0]) == -1)
		errx(1, "%s: not one of bash, zsh, fish", argv[0]);
}

static void
do_help(const struct command *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	command_list(stdout);
}

static void
do_derp_key(const struct command *cmd, int argc, char *argv[])
{
	(void)cmd;
	(void)argc;
	exit(key_node(argv[0]));
}

static const struct command	 commands[] = {
	{ "completion", "bash|zsh|fish", 1, 1, do_completion, 0 },
	{ "convert", "[-ru] FILE [PEER]", 1, 3, do_convert, 0 },
	{ "derp key", "FILE", 1, 1, do_derp_key, 0 },
	{ "drain", "", 0, 0, do_show, CTL_DRAIN },
	{ "flush", "", 0, 0, do_show, CTL_FLUSH },
	{ "genkey", "", 0, 0, do_key, 0 },
	{ "genpsk", "", 0, 0, do_key, 1 },
	{ "health", "", 0, 0, do_health, 0 },
	{ "help", "", 0, 0, do_help, 0 },
	{ "kill flow", "ID", 1, 1, do_kill_flow, 0 },
	{ "kill peer", "NAME", 1, 1, do_show, CTL_KILL_PEER },
	{ "log brief", "", 0, 0, do_log, 0 },
	{ "log verbose", "", 0, 0, do_log, 1 },
	{ "monitor", "", 0, 0, do_monitor, 0 },
	{ "pause", "", 0, 0, do_show, CTL_PAUSE },
	{ "pcap", "[peer NAME]", 0, 2, do_pcap, 0 },
	{ "peer delete", "NAME", 1, 1, do_peer, PEER_DELETE },
	{ "peer disable", "NAME", 1, 1, do_peer, PEER_DISABLE },
	{ "peer enable", "NAME", 1, 1, do_peer, PEER_ENABLE },
	{ "peer list", "", 0, 0, do_peer, PEER_LIST },
	{ "peer new", "NAME [option ...]", 1, 64, do_peer, PEER_NEW },
	{ "peer qr", "NAME [-o FILE]", 1, 3, do_peer, PEER_QR },
	{ "peer rename", "NAME NAME", 2, 2, do_peer, PEER_RENAME },
	{ "peer set", "NAME [option ...]", 1, 64, do_peer, PEER_SET },
	{ "pubkey", "", 0, 0, do_key, 2 },
	{ "refresh", "", 0, 0, do_show, CTL_REFRESH },
	{ "reload", "", 0, 0, do_show, CTL_RELOAD },
	{ "restart", "", 0, 0, do_restart, 0 },
	{ "resume", "", 0, 0, do_show, CTL_RESUME },
	{ "show", "", 0, 0, do_show, CTL_SHOW_SUMMARY },
	{ "show counters", "", 0, 0, do_show, CTL_SHOW_COUNTERS },
	{ "show derp", "", 0, 0, do_show, CTL_SHOW_DERP },
	{ "show flows", "[-w] [peer|proto|state|port|to|sort WHICH ...]", 0, 13,
	    do_flows, CTL_SHOW_FLOWS },
	{ "show interfaces", "", 0, 0, do_show, CTL_SHOW_INTERFACES },
	{ "show memory", "", 0, 0, do_memory, 0 },
	{ "show metrics", "", 0, 0, do_metrics, 0 },
	{ "show names", "", 0, 0, do_show, CTL_SHOW_NAMES },
	{ "show forwards", "", 0, 0, do_show, CTL_SHOW_FORWARDS },
	{ "show peers", "[-v] [NAME]", 0, 2, do_peers, CTL_SHOW_PEERS },
	{ "show processes", "", 0, 0, do_show, CTL_SHOW_PROCESSES },
	{ "show rules", "", 0, 0, do_show, CTL_SHOW_RULES },
	{ "show summary", "", 0, 0, do_show, CTL_SHOW_SUMMARY },
	{ "top", "", 0, 0, do_top, 0 },
	{ "version", "", 0, 0, do_version, 0 },
	{ "web password", "", 0, 0, do_web, 0 },
	{ NULL, NULL, 0, 0, NULL, 0 }
};

int
main(int argc, char *argv[])
{
	int	 ch;

	command_use(commands);
	/* what follows the command's name is the command's */
	while ((ch = getopt(argc, argv, "+hjs:")) != -1) {
		switch (ch) {
		case 'h':
			command_list(stdout);
			return (0);
		case 'j':
			out = &output_json;
			json = 1;
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
	command_run(argc, argv);
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return (0);
}
