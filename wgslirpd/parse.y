/* SPDX-License-Identifier: ISC */

/*
 * Grammar of wgslirpd.conf(5).  Errors are one line, "file:line: what";
 * they never show a token, because it could be a key.
 */

%{
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "slirp_tcp.h"
#include "wgslirpd.h"

#define MAX_INCLUDES	16
#define MAX_TOKEN	8096

static struct file {
	TAILQ_ENTRY(file)	 entry;
	FILE			*stream;
	char			*name;
	char			*iobuf;		/* wiped: may hold keys */
	char			*pushed;	/* macro being expanded */
	size_t			 ppos;
	int			 lineno;
	int			 ungetc;	/* one character, or EOF */
	int			 ended;
} *file, *topfile;
static TAILQ_HEAD(files, file)	 files = TAILQ_HEAD_INITIALIZER(files);
static int			 nfiles;

struct sym {
	TAILQ_ENTRY(sym)	 entry;
	char			*name;
	char			*value;
	int			 persist;	/* from the command line */
};
static TAILQ_HEAD(, sym)	 syms = TAILQ_HEAD_INITIALIZER(syms);

struct path {
	TAILQ_ENTRY(path)	 entry;
	char			*name;
};
static TAILQ_HEAD(, path)	 seen = TAILQ_HEAD_INITIALIZER(seen);

static struct config		*conf;
static struct conf_peer		*peer;
static struct conf_rule		*rule;
static char			 first_error[512];
static int			 errors;

#define YYSTYPE_IS_DECLARED	1

static int	 yylex(void);
static int	 yyerror(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));
static int	 pushfile(const char *, int);
static int	 popfile(void);
static int	 symset(const char *, const char *, int);
static const char	*symget(const char *);
static int	 read_key(const char *, uint8_t [KEY_LEN]);
static int	 set_key(char *, uint8_t [KEY_LEN]);
static void	 note_path(const char *);
static struct conf_rule	*new_rule(void);
static void	 free_rule(struct conf_rule *);
static int	 get_number(int64_t, int64_t, int64_t, const char *);
static int	 get_choice(char *, const char *const *, int, const char *);
static int	 get_port_range(const char *, struct rule *);

typedef struct {
	union {
		int64_t		 number;
		char		*string;
	} v;
	int			 lineno;
} YYSTYPE;

int	 yyparse(void);

%}

%token	ACK ADDRESS ALLOWED ANY
%token	BLOCK BRIEF BUFFER
%token	CONGESTION COPY
%token	DELAY DIAL
%token	ENDPOINT ERROR ERRORS EXCLUDE
%token	FAIL FAST FILE_ FLOWS FROM
%token	GAP GATE
%token	IDLE INFLIGHT INITIAL
%token	INCLUDE INTERFACE IPS
%token	KEEPALIVE KEY
%token	LISTEN LOG
%token	MAX MSS MTU
%token	NO NOPRIVATEKEY
%token	ON OVERLAY
%token	PACE PASS PEER PERSISTENT PORT PRESHARED PRIVATE PROTO PUBLIC
%token	QUICK
%token	RECEIVE REDACTED RESERVED
%token	SACK SCALE SEND SIGNAL
%token	TCP TIMEOUT TO TOS TTL
%token	UAPI UDP
%token	VERBOSE
%token	WINDOW
%token	YES
%token	<v.string>	STRING
%token	<v.number>	NUMBER
%type	<v.number>	lport port portspec proto secrets yesno
%type	<v.string>	string

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar include '\n'
		| grammar varset '\n'
		| grammar main '\n'
		| grammar peer '\n'
		| grammar rule '\n'
		| grammar error '\n'	{ errors++; }
		;

include		: INCLUDE STRING	{
			if (pushfile($2, 0) == -1) {
				free($2);
				YYERROR;
			}
			free($2);
		}
		;

varset		: STRING '=' string	{
			const char	*s;

			for (s = $1; *s != '\0'; s++) {
				if (isalnum((unsigned char)*s) || *s == '_')
					continue;
				yyerror("a macro name has letters, digits "
				    "and _ only");
				free($1);
				free($3);
				YYERROR;
			}
			if (symset($1, $3, 0) == -1)
				fatal("macro");
			free($1);
			freezero($3, strlen($3));
		}
		;

string		: STRING
		| NUMBER		{
			if (asprintf(&$$, "%lld", (long long)$1) == -1)
				fatal(NULL);
		}
		;

optnl		: /* empty */
		| nl
		;

nl		: '\n'
		| nl '\n'
		;

comma		: ',' optnl
		| /* empty */
		;

main		: LISTEN ON STRING lport	{
			struct ipaddr	 ip, *p = NULL;

			if (strcmp($3, "*") != 0) {
				p = &ip;
				if (ipaddr_parse(&ip, $3) == -1) {
					yyerror("listen on: not an address");
					free($3);
					YYERROR;
				}
			}
			free($3);
			config_add_listen(conf, p, (uint16_t)$4);
		}
		| PRIVATE KEY FILE_ STRING	{
			if (read_key($4, conf->key) == -1) {
				free($4);
				YYERROR;
			}
			conf->key_from = SECRET_FILE;
			free(conf->key_file);
			conf->key_file = $4;
		}
		| PRIVATE KEY STRING	{
			if (set_key($3, conf->key) == -1) {
				yyerror("private key: not a key");
				YYERROR;
			}
			conf->key_from = SECRET_INLINE;
		}
		| PRIVATE KEY REDACTED	{
			conf->key_from = SECRET_REDACTED;
		}
		| ADDRESS addresses
		| MTU NUMBER		{
			if (get_number($2, MTU_MIN, MTU_MAX, "mtu") == -1)
				YYERROR;
			conf->mtu = (uint16_t)$2;
		}
		| LOG VERBOSE		{ conf->verbose = 1; }
		| LOG BRIEF		{ conf->verbose = 0; }
		| MAX FLOWS NUMBER	{
			if (get_number($3, 1, 1 << 20, "max flows") == -1)
				YYERROR;
			conf->max_flows = (uint32_t)$3;
		}
		| OVERLAY YES excludes	{ conf->overlay = 1; }
		| OVERLAY NO		{ conf->overlay = 0; }
		| COPY TOS yesno	{ conf->copy_tos = $3 != 0; }
		| TTL NUMBER		{
			if (get_number($2, 1, 255, "ttl") == -1)
				YYERROR;
			conf->ttl = (uint8_t)$2;
		}
		| UAPI INTERFACE STRING secrets	{
			if (!uapi_name_valid($3)) {
				yyerror("uapi interface: 1 to %d letters, "
				    "digits and _=+.-", UAPI_NAME_LEN - 1);
				free($3);
				YYERROR;
			}
			strlcpy(conf->uapi_name, $3,
			    sizeof(conf->uapi_name));
			conf->uapi = (enum uapi_mode)$4;
			free($3);
		}
		| TCP '{' optnl tcpopts '}'
		| UDP '{' optnl udpopts '}'
		;

yesno		: YES			{ $$ = 1; }
		| NO			{ $$ = 0; }
		;

secrets		: /* empty */		{ $$ = UAPI_ON; }
		| NOPRIVATEKEY		{ $$ = UAPI_NO_SECRETS; }
		;

lport		: /* empty */		{ $$ = WGSLIRPD_PORT; }
		| PORT NUMBER		{
			/* 0: the system chooses */
			if (get_number($2, 0, UINT16_MAX, "port") == -1)
				YYERROR;
			$$ = $2;
		}
		;

port		: /* empty */		{ $$ = 0; }
		| PORT NUMBER		{
			if (get_number($2, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			$$ = $2;
		}
		;

addresses	: address
		| '{' optnl address_l '}'
		;

address_l	: address optnl
		| address_l comma address optnl
		;

address		: STRING		{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, $1) == -1) {
				yyerror("address: not an address/length");
				free($1);
				YYERROR;
			}
			free($1);
			config_add_prefix(&conf->addresses, &p);
		}
		;

excludes	: /* empty */
		| EXCLUDE exclude
		| EXCLUDE '{' optnl exclude_l '}'
		;

exclude_l	: exclude optnl
		| exclude_l comma exclude optnl
		;

exclude		: STRING		{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, $1) == -1) {
				yyerror("exclude: not an address/length");
				free($1);
				YYERROR;
			}
			free($1);
			ipprefix_mask(&p);
			config_add_prefix(&conf->excludes, &p);
		}
		;

tcpopts		: tcpopt optnl
		| tcpopts comma tcpopt optnl
		;

tcpopt		: ACK DELAY NUMBER	{
			if (get_number($3, 0, 500, "ack delay") == -1)
				YYERROR;
			conf->tcp.ack_delay = (uint32_t)$3;
		}
		| CONGESTION STRING	{
			int	 cc = cc_by_name($2);

			free($2);
			if (cc == -1) {
				yyerror("congestion: newreno, cubic, bbr or "
				    "off");
				YYERROR;
			}
			conf->tcp.cc = (uint8_t)cc;
		}
		| ERRORS SIGNAL STRING	{
			static const char *const	 names[] = { "icmp",
							    "reset", "none" };
			int	 i = get_choice($3, names, 3, "error signal");

			if (i == -1)
				YYERROR;
			conf->tcp.signal = (uint8_t)i;
		}
		| FAST DIAL NUMBER	{
			if (get_number($3, 0, 60000, "fast dial") == -1)
				YYERROR;
			conf->tcp.fast_dial = (uint32_t)$3;
		}
		| GATE LOG STRING	{
			static const char *const	 names[] = { "off",
							    "info", "debug" };
			int	 i = get_choice($3, names, 3, "gate log");

			if (i == -1)
				YYERROR;
			conf->tcp.gate_log = (uint8_t)i;
		}
		| IDLE GATE NUMBER	{
			if (get_number($3, 0, 3600000, "idle gate") == -1)
				YYERROR;
			conf->tcp.idle_gate = (uint32_t)$3;
		}
		| IDLE INFLIGHT NUMBER	{
			if (get_number($3, 0, 1 << 30, "idle inflight") == -1)
				YYERROR;
			conf->tcp.idle_inflight = (uint32_t)$3;
		}
		| IDLE FAIL NUMBER	{
			if (get_number($3, 1, 86400, "idle fail") == -1)
				YYERROR;
			conf->tcp.idle_fail = (uint32_t)$3;
		}
		| INITIAL WINDOW NUMBER	{
			if (get_number($3, 1, 100, "initial window") == -1)
				YYERROR;
			conf->tcp.iw = (uint8_t)$3;
		}
		| MSS NUMBER		{
			if ($2 != 0 && get_number($2, TCP_MSS_MIN, MTU_MAX,
			    "mss") == -1)
				YYERROR;
			conf->tcp.mss = (uint16_t)$2;
		}
		| PACE GAP NUMBER	{
			if (get_number($3, 0, 1000000, "pace gap") == -1)
				YYERROR;
			conf->tcp.pace_gap = (uint32_t)$3;
		}
		| RECEIVE BUFFER NUMBER	{
			if (get_number($3, 0, 1 << 30, "receive buffer") ==
			    -1)
				YYERROR;
			conf->tcp.rcvbuf = (uint32_t)$3;
		}
		| SEND BUFFER NUMBER	{
			if (get_number($3, 0, 1 << 30, "send buffer") == -1)
				YYERROR;
			conf->tcp.sndbuf = (uint32_t)$3;
		}
		| RECEIVE WINDOW NUMBER	{
			if (get_number($3, 2048, TCP_WND_MAX,
			    "receive window") == -1)
				YYERROR;
			conf->tcp.window = (uint32_t)$3;
		}
		| SACK yesno		{ conf->tcp.sack = (uint8_t)$2; }
		| WINDOW SCALE NUMBER	{
			if (get_number($3, 0, 14, "window scale") == -1)
				YYERROR;
			conf->tcp.wscale = (uint8_t)$3;
		}
		;

udpopts		: udpopt optnl
		| udpopts comma udpopt optnl
		;

udpopt		: TIMEOUT NUMBER	{
			if (get_number($2, 1, 86400, "timeout") == -1)
				YYERROR;
			conf->udp_timeout = (uint32_t)$2;
		}
		;

peer		: PEER STRING		{
			if (*$2 == '\0' || strlen($2) >= PEER_NAME_LEN) {
				yyerror("peer name: 1 to %d characters",
				    PEER_NAME_LEN - 1);
				free($2);
				YYERROR;
			}
			peer = config_peer_new(conf, $2);
			peer->line = file->lineno;
			if ((peer->file = strdup(file->name)) == NULL)
				fatal(NULL);
			free($2);
		} '{' optnl peeropts '}'	{
			peer = NULL;
		}
		;

peeropts	: /* empty */
		| peeropts peeropt nl
		| peeropts peeropt
		;

peeropt		: PUBLIC KEY STRING	{
			if (set_key($3, peer->public) == -1) {
				yyerror("public key: not a key");
				YYERROR;
			}
			peer->has_public = 1;
		}
		| PRESHARED KEY FILE_ STRING	{
			if (read_key($4, peer->psk) == -1) {
				free($4);
				YYERROR;
			}
			peer->psk_from = SECRET_FILE;
			free(peer->psk_file);
			peer->psk_file = $4;
		}
		| PRESHARED KEY STRING	{
			if (set_key($3, peer->psk) == -1) {
				yyerror("preshared key: not a key");
				YYERROR;
			}
			peer->psk_from = SECRET_INLINE;
		}
		| PRESHARED KEY REDACTED	{
			peer->psk_from = SECRET_REDACTED;
		}
		| ALLOWED IPS allowedips
		| ENDPOINT STRING port	{
			if (strlen($2) >= HOST_NAME_LEN || *$2 == '\0') {
				yyerror("endpoint: not a host name");
				free($2);
				YYERROR;
			}
			free(peer->ep_host);
			peer->ep_host = $2;
			peer->ep_port = $3 == 0 ? WGSLIRPD_PORT :
			    (uint16_t)$3;
		}
		| PERSISTENT KEEPALIVE NUMBER	{
			if (get_number($3, 0, UINT16_MAX,
			    "persistent keepalive") == -1)
				YYERROR;
			peer->keepalive = (uint16_t)$3;
		}
		| MAX FLOWS NUMBER	{
			if (get_number($3, 1, 1 << 20, "max flows") == -1)
				YYERROR;
			peer->max_flows = (uint32_t)$3;
		}
		| RESERVED '{' NUMBER comma NUMBER comma NUMBER '}' {
			if (get_number($3, 0, 255, "reserved") == -1 ||
			    get_number($5, 0, 255, "reserved") == -1 ||
			    get_number($7, 0, 255, "reserved") == -1)
				YYERROR;
			peer->reserved[0] = (uint8_t)$3;
			peer->reserved[1] = (uint8_t)$5;
			peer->reserved[2] = (uint8_t)$7;
		}
		;

allowedips	: allowedip
		| '{' optnl '}'
		| '{' optnl allowedip_l '}'
		;

allowedip_l	: allowedip optnl
		| allowedip_l comma allowedip optnl
		;

allowedip	: STRING		{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, $1) == -1) {
				yyerror("allowed ips: not an "
				    "address/length");
				free($1);
				YYERROR;
			}
			free($1);
			ipprefix_mask(&p);
			config_add_prefix(&peer->aips, &p);
		}
		;

rule		: action quick from proto	{
			rule->rule.proto = (uint8_t)$4;
		} to				{
			if (rule->rule.port_lo != 0 ||
			    rule->rule.port_hi != UINT16_MAX) {
				if (rule->rule.proto != 0 &&
				    rule->rule.proto != IPPROTO_TCP &&
				    rule->rule.proto != IPPROTO_UDP) {
					yyerror("port needs proto tcp or "
					    "udp");
					free_rule(rule);
					rule = NULL;
					YYERROR;
				}
			}
			TAILQ_INSERT_TAIL(&conf->rules, rule, entry);
			rule = NULL;
		}
		;

action		: PASS			{
			rule = new_rule();
			rule->rule.pass = 1;
		}
		| BLOCK			{ rule = new_rule(); }
		;

quick		: /* empty */
		| QUICK			{ rule->rule.quick = 1; }
		;

from		: /* empty */
		| FROM ANY
		| FROM PEER STRING	{
			if (strlcpy(rule->peer, $3, sizeof(rule->peer)) >=
			    sizeof(rule->peer) || *$3 == '\0') {
				yyerror("from peer: not a peer's name");
				free($3);
				YYERROR;
			}
			free($3);
		}
		| FROM STRING		{
			if (ipprefix_parse(&rule->rule.from, $2) == -1) {
				yyerror("from: not an address/length");
				free($2);
				YYERROR;
			}
			ipprefix_mask(&rule->rule.from);
			free($2);
		}
		;

proto		: /* empty */		{ $$ = 0; }
		| PROTO TCP		{ $$ = IPPROTO_TCP; }
		| PROTO UDP		{ $$ = IPPROTO_UDP; }
		| PROTO STRING		{
			if (strcmp($2, "icmp") == 0)
				$$ = IPPROTO_ICMP;
			else {
				yyerror("proto: tcp, udp or icmp");
				free($2);
				YYERROR;
			}
			free($2);
		}
		;

to		: /* empty */
		| TO dest portspec
		;

dest		: ANY
		| PRIVATE		{ rule->rule.private = 1; }
		| STRING		{
			if (ipprefix_parse(&rule->rule.to, $1) == -1) {
				yyerror("to: not an address/length");
				free($1);
				YYERROR;
			}
			ipprefix_mask(&rule->rule.to);
			free($1);
		}
		;

portspec	: /* empty */		{ $$ = 0; }
		| PORT NUMBER		{
			if (get_number($2, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			rule->rule.port_lo = (uint16_t)$2;
			rule->rule.port_hi = (uint16_t)$2;
			$$ = $2;
		}
		| PORT STRING		{
			if (get_port_range($2, &rule->rule) == -1) {
				yyerror("port: not a port or low:high");
				free($2);
				YYERROR;
			}
			free($2);
			$$ = 1;
		}
		;

%%

struct keyword {
	const char	*name;
	int		 token;
};

static int
yyerror(const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[256];

	errors++;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (first_error[0] == '\0')
		snprintf(first_error, sizeof(first_error), "%s:%d: %s",
		    file->name, yylval.lineno, msg);
	log_warnx("%s:%d: %s", file->name, yylval.lineno, msg);
	return (0);
}

/* The first thing that was wrong with the last configuration. */
const char *
parse_error(void)
{
	return (first_error);
}

static int
get_number(int64_t v, int64_t lo, int64_t hi, const char *what)
{
	if (v >= lo && v <= hi)
		return (0);
	yyerror("%s: must be from %lld to %lld", what, (long long)lo,
	    (long long)hi);
	return (-1);
}

/* Takes the string; returns which of the names it is, or -1. */
static int
get_choice(char *s, const char *const *names, int n, const char *what)
{
	int	 i;

	for (i = 0; i < n; i++)
		if (strcmp(s, names[i]) == 0)
			break;
	free(s);
	if (i < n)
		return (i);
	yyerror("%s: must be %s, %s or %s", what, names[0], names[1],
	    names[2]);
	return (-1);
}

static int
get_port_range(const char *s, struct rule *r)
{
	char	 buf[16], *colon;

	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf) ||
	    (colon = strchr(buf, ':')) == NULL)
		return (-1);
	*colon = '\0';
	if (port_parse(buf, &r->port_lo) == -1 ||
	    port_parse(colon + 1, &r->port_hi) == -1 ||
	    r->port_lo > r->port_hi)
		return (-1);
	return (0);
}

/* Takes the string, which is wiped. */
static int
set_key(char *s, uint8_t key[KEY_LEN])
{
	int	 r = key_from_text(key, s);

	freezero(s, strlen(s));
	return (r);
}

static int
read_key(const char *path, uint8_t key[KEY_LEN])
{
	const char	*reason;
	int		 fd;

	note_path(path);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		yyerror("key file %s: %s", path, strerror(errno));
		return (-1);
	}
	if (key_read_file(key, fd, &reason) == -1) {
		yyerror("key file %s %s", path, reason);
		close(fd);
		return (-1);
	}
	close(fd);
	return (0);
}

/* One that an error left unfinished goes. */
static struct conf_rule *
new_rule(void)
{
	struct conf_rule	*r;

	free_rule(rule);
	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->file = strdup(file->name)) == NULL)
		fatal(NULL);
	r->line = yylval.lineno;
	r->rule.port_hi = UINT16_MAX;
	return (r);
}

static void
free_rule(struct conf_rule *r)
{
	if (r == NULL)
		return;
	free(r->file);
	free(r);
}

static int
kw_cmp(const void *k, const void *e)
{
	return (strcmp(k, ((const struct keyword *)e)->name));
}

static int
lookup(const char *s)
{
	/* has to be sorted */
	static const struct keyword	 keywords[] = {
		{ "ack",	ACK },
		{ "address",	ADDRESS },
		{ "allowed",	ALLOWED },
		{ "any",	ANY },
		{ "block",	BLOCK },
		{ "brief",	BRIEF },
		{ "buffer",	BUFFER },
		{ "congestion",	CONGESTION },
		{ "copy",	COPY },
		{ "delay",	DELAY },
		{ "dial",	DIAL },
		{ "endpoint",	ENDPOINT },
		{ "error",	ERRORS },
		{ "exclude",	EXCLUDE },
		{ "fail",	FAIL },
		{ "fast",	FAST },
		{ "file",	FILE_ },
		{ "flows",	FLOWS },
		{ "from",	FROM },
		{ "gap",	GAP },
		{ "gate",	GATE },
		{ "idle",	IDLE },
		{ "include",	INCLUDE },
		{ "inflight",	INFLIGHT },
		{ "initial",	INITIAL },
		{ "interface",	INTERFACE },
		{ "ips",	IPS },
		{ "keepalive",	KEEPALIVE },
		{ "key",	KEY },
		{ "listen",	LISTEN },
		{ "log",	LOG },
		{ "max",	MAX },
		{ "mss",	MSS },
		{ "mtu",	MTU },
		{ "no",		NO },
		{ "no-private-key", NOPRIVATEKEY },
		{ "on",		ON },
		{ "overlay",	OVERLAY },
		{ "pace",	PACE },
		{ "pass",	PASS },
		{ "peer",	PEER },
		{ "persistent",	PERSISTENT },
		{ "port",	PORT },
		{ "preshared",	PRESHARED },
		{ "private",	PRIVATE },
		{ "proto",	PROTO },
		{ "public",	PUBLIC },
		{ "quick",	QUICK },
		{ "receive",	RECEIVE },
		{ "redacted",	REDACTED },
		{ "reserved",	RESERVED },
		{ "sack",	SACK },
		{ "scale",	SCALE },
		{ "send",	SEND },
		{ "signal",	SIGNAL },
		{ "tcp",	TCP },
		{ "timeout",	TIMEOUT },
		{ "to",		TO },
		{ "tos",	TOS },
		{ "ttl",	TTL },
		{ "uapi",	UAPI },
		{ "udp",	UDP },
		{ "verbose",	VERBOSE },
		{ "window",	WINDOW },
		{ "yes",	YES }
	};
	const struct keyword		*k;

	k = bsearch(s, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), kw_cmp);
	return (k != NULL ? k->token : STRING);
}

static void
drop_macro(struct file *f)
{
	if (f->pushed != NULL)
		freezero(f->pushed, strlen(f->pushed));
	f->pushed = NULL;
}

/*
 * Next character: of a macro that is being expanded, else of the file.
 * A backslash before a newline joins the lines.
 */
static int
lgetc(int quoted)
{
	int	 c, next;

	if (file->ungetc != EOF) {
		c = file->ungetc;
		file->ungetc = EOF;
		return (c);
	}
	if (file->pushed != NULL) {
		if ((c = (unsigned char)file->pushed[file->ppos]) != '\0') {
			file->ppos++;
			return (c);
		}
		drop_macro(file);
		return (' ');	/* a macro is a word of its own */
	}
	while ((c = getc(file->stream)) == '\\' && !quoted) {
		if ((next = getc(file->stream)) != '\n') {
			if (next != EOF)
				file->ungetc = next;
			break;
		}
		file->lineno++;
	}
	return (c);
}

static void
lungetc(int c)
{
	file->ungetc = c;
}

/* After an error: to the end of the line. */
static int
findeol(void)
{
	int	 c;

	drop_macro(file);
	while ((c = lgetc(0)) != '\n' && c != EOF)
		continue;
	if (c == '\n')
		file->lineno++;
	return (ERROR);
}

static int
lex_quoted(int quote)
{
	char	 buf[MAX_TOKEN], *p = buf;
	int	 c, next;

	for (;;) {
		if ((c = lgetc(1)) == EOF || c == '\n') {
			if (c == '\n')
				lungetc(c);
			yyerror("unterminated string");
			return (findeol());
		}
		if (c == '\\') {
			next = lgetc(1);
			if (next == quote || next == '\\')
				c = next;
			else
				lungetc(next);
		} else if (c == quote)
			break;
		if (p + 1 >= buf + sizeof(buf)) {
			yyerror("string too long");
			return (findeol());
		}
		*p++ = (char)c;
	}
	*p = '\0';
	if ((yylval.v.string = strdup(buf)) == NULL)
		fatal(NULL);
	explicit_bzero(buf, sizeof(buf));
	return (STRING);
}

static int
in_word(int c)
{
	return (isalnum(c) || (ispunct(c) && strchr("(){}<>!=#,\"'$", c) ==
	    NULL));
}

static int
lex_word(int c)
{
	char		 buf[MAX_TOKEN], *p = buf;
	const char	*errstr;
	int		 token;

	do {
		*p++ = (char)c;
		if (p >= buf + sizeof(buf)) {
			yyerror("word too long");
			return (findeol());
		}
	} while ((c = lgetc(0)) != EOF && in_word(c));
	lungetc(c);
	*p = '\0';
	if (buf[strspn(buf, "0123456789")] == '\0') {
		yylval.v.number = strtonum(buf, 0, INT64_MAX, &errstr);
		if (errstr != NULL) {
			yyerror("number is %s", errstr);
			return (findeol());
		}
		return (NUMBER);
	}
	if ((token = lookup(buf)) == STRING &&
	    (yylval.v.string = strdup(buf)) == NULL)
		fatal(NULL);
	explicit_bzero(buf, sizeof(buf));
	return (token);
}

/* "$name": go on with what the macro holds. */
static int
lex_macro(void)
{
	char		 buf[128], *p = buf;
	const char	*value;
	int		 c;

	while ((c = lgetc(0)) != EOF && (isalnum(c) || c == '_')) {
		if (p + 1 >= buf + sizeof(buf)) {
			yyerror("macro name too long");
			return (findeol());
		}
		*p++ = (char)c;
	}
	lungetc(c);
	*p = '\0';
	if ((value = symget(buf)) == NULL) {
		yyerror("macro \"%s\" not defined", buf);
		return (findeol());
	}
	/* no macro inside a macro: values are kept as they were read */
	if (strchr(value, '$') != NULL || file->pushed != NULL) {
		yyerror("macro \"%s\" cannot be used here", buf);
		return (findeol());
	}
	if (file->ungetc != EOF && file->ungetc != ' ') {
		ungetc(file->ungetc, file->stream);
		file->ungetc = EOF;
	}
	/* a copy: what it expands to may redefine it */
	if ((file->pushed = strdup(value)) == NULL)
		fatal(NULL);
	file->ppos = 0;
	return (0);
}

static int
yylex(void)
{
	int	 c, token;

	for (;;) {
		while ((c = lgetc(0)) == ' ' || c == '\t' || c == '\r')
			continue;
		yylval.lineno = file->lineno;
		if (c == '#') {
			while ((c = lgetc(0)) != '\n' && c != EOF)
				continue;
		}
		if (c == '$') {
			if ((token = lex_macro()) != 0)
				return (token);
			continue;
		}
		if (c == '"' || c == '\'')
			return (lex_quoted(c));
		if (c == EOF) {
			/* the end of a file ends its last line, too */
			if (!file->ended) {
				file->ended = 1;
				return ('\n');
			}
			if (popfile() == EOF)
				return (0);
			continue;
		}
		if (in_word(c))
			return (lex_word(c));
		if (c == '\n')
			file->lineno++;
		return (c);
	}
}

static void
note_path(const char *path)
{
	struct path	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->name = strdup(path)) == NULL)
		fatal(NULL);
	TAILQ_INSERT_TAIL(&seen, p, entry);
}

/* Every file that the last configuration was read from. */
void
parse_paths(void (*fn)(const char *, void *), void *arg)
{
	struct path	*p;

	TAILQ_FOREACH(p, &seen, entry)
		fn(p->name, arg);
}

static void
report(const char *path, const char *what)
{
	if (file != NULL) {
		yyerror("%s: %s", path, what);
		return;
	}
	snprintf(first_error, sizeof(first_error), "%s: %s", path, what);
	log_warnx("%s", first_error);
	errors++;
}

static int
pushfile(const char *path, int top)
{
	struct file	*f;
	struct stat	 st;
	int		 fd;

	note_path(path);
	if (nfiles >= MAX_INCLUDES) {
		report(path, "too many nested includes");
		return (-1);
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1) {
		report(path, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	/* whoever can write it decides where everything goes */
	/* a pipe only where the user named it */
	if (!S_ISREG(st.st_mode) && !(top && (S_ISFIFO(st.st_mode) ||
	    S_ISCHR(st.st_mode)))) {
		report(path, "not a regular file");
		close(fd);
		return (-1);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH) && S_ISREG(st.st_mode)) {
		report(path, "is writable by group or others");
		close(fd);
		return (-1);
	}
	(void)fcntl(fd, F_SETFL, 0);	/* reading may wait */
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(path)) == NULL ||
	    (f->iobuf = calloc(1, BUFSIZ)) == NULL ||
	    (f->stream = fdopen(fd, "r")) == NULL)
		fatal("%s", path);
	setvbuf(f->stream, f->iobuf, _IOFBF, BUFSIZ);
	/* an included file starts with the end of the including line */
	f->lineno = top ? 1 : 0;
	f->ungetc = top ? EOF : '\n';
	TAILQ_INSERT_TAIL(&files, f, entry);
	nfiles++;
	file = f;
	if (top)
		topfile = f;
	return (0);
}

/* Returns EOF at the end of the first file, which stays for messages. */
static int
popfile(void)
{
	struct file	*f = file, *prev;

	if (ferror(f->stream))
		yyerror("read error");
	drop_macro(f);
	fclose(f->stream);
	f->stream = NULL;
	freezero(f->iobuf, BUFSIZ);
	f->iobuf = NULL;
	if ((prev = TAILQ_PREV(f, files, entry)) == NULL)
		return (EOF);
	TAILQ_REMOVE(&files, f, entry);
	nfiles--;
	free(f->name);
	free(f);
	file = prev;
	return (0);
}

static void
forget(void)
{
	struct path	*p;
	struct sym	*s, *next;

	while ((p = TAILQ_FIRST(&seen)) != NULL) {
		TAILQ_REMOVE(&seen, p, entry);
		free(p->name);
		free(p);
	}
	TAILQ_FOREACH_SAFE(s, &syms, entry, next) {
		if (s->persist)
			continue;
		TAILQ_REMOVE(&syms, s, entry);
		free(s->name);
		freezero(s->value, strlen(s->value));
		free(s);
	}
}

/*
 * Read a configuration file.  Returns NULL after telling about every
 * error in it.  check_only: redacted keys are good enough.
 */
struct config *
parse_config(const char *path, int check_only)
{
	struct config	*c;
	const char	*what;
	char		 err[512];

	forget();
	errors = 0;
	first_error[0] = '\0';
	file = topfile = NULL;
	conf = config_new();
	conf->check_only = check_only;
	if (pushfile(path, 1) == -1) {
		config_free(conf);
		return (NULL);
	}
	yyparse();
	while (file->stream != NULL && popfile() != EOF)
		continue;
	if (errors == 0 &&
	    (what = config_check(conf, err, sizeof(err))) != NULL) {
		errors++;
		if (strchr(what, ':') == NULL)
			snprintf(first_error, sizeof(first_error),
			    "%s:%d: %s", path, topfile->lineno > 1 ?
			    topfile->lineno - 1 : 1, what);
		else
			strlcpy(first_error, what, sizeof(first_error));
		log_warnx("%s", first_error);
	}
	TAILQ_REMOVE(&files, topfile, entry);
	nfiles--;
	free(topfile->name);
	free(topfile);
	file = topfile = NULL;
	free_rule(rule);
	rule = NULL;
	peer = NULL;
	c = conf;
	conf = NULL;
	if (errors != 0) {
		config_wipe(c);
		config_free(c);
		return (NULL);
	}
	return (c);
}

static int
symset(const char *name, const char *value, int persist)
{
	struct sym	*s;

	TAILQ_FOREACH(s, &syms, entry)
		if (strcmp(s->name, name) == 0)
			break;
	if (s != NULL) {
		/* the command line wins over the file */
		if (s->persist && !persist)
			return (0);
		freezero(s->value, strlen(s->value));
	} else {
		if ((s = calloc(1, sizeof(*s))) == NULL ||
		    (s->name = strdup(name)) == NULL)
			return (-1);
		TAILQ_INSERT_TAIL(&syms, s, entry);
	}
	s->persist = persist;
	return ((s->value = strdup(value)) == NULL ? -1 : 0);
}

/* "-D name=value".  Returns -1 if it is not that. */
int
cmdline_symset(const char *s)
{
	const char	*eq;
	char		*name;
	int		 r;

	if ((eq = strchr(s, '=')) == NULL || eq == s)
		return (-1);
	if ((name = strndup(s, (size_t)(eq - s))) == NULL)
		fatal(NULL);
	r = symset(name, eq + 1, 1);
	free(name);
	return (r);
}

static const char *
symget(const char *name)
{
	struct sym	*s;

	TAILQ_FOREACH(s, &syms, entry)
		if (strcmp(s->name, name) == 0)
			return (s->value);
	return (NULL);
}
