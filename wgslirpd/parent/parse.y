/* SPDX-License-Identifier: ISC */

/*
 * Grammar of wgslirpd.conf(5).  Errors are one line, "file:line: what";
 * they never show a token, because it could be a key.
 */

%{
#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config.h"
#include "derp.h"
#include "directive.h"
#include "dns.h"
#include "egress.h"
#include "endpoint.h"
#include "files.h"
#include "grammar.h"
#include "lex.h"
#include "uplink.h"
#include "log.h"
#include "probe.h"
#include "rulemaker.h"
#include "value.h"
#include "web.h"

#define MAX_GIVEN	64
#define PCP_MAX_DEFAULT	16	/* ports of a peer */

static struct config		*conf;
static struct conf_peer		*peer;
static struct conf_service	*service;
static struct conf_table	*table;
static struct conf_derp		*derp;
static uint16_t			 zone;		/* whose upstreams follow */
static enum directive_block	 block;		/* whose options follow */
static char			 words[64];	/* of an option, so far */
static struct given {
	const char		*what[MAX_GIVEN];
	size_t			 n;
}				 given[BLOCK_PEER + 1];
static char			 dns_word[] = "dns", log_word[] = "log";
static char			 no_word[] = "no", yes_word[] = "yes";
static char			 upstream_word[] = "upstream";

static int	 derp_string(const char *(*)(struct conf_derp *,
		    const char *), char *);
static int	 set_number(enum directive_block, const char *, int64_t);
static void	 once(enum directive_block, const char *);
static void	 option_begin(enum directive_block);
static int	 option_word(const char *);
static int	 option_number(int64_t);
static int	 option_end(void);
static int	 gateway_peer(int64_t, const char *, uint16_t);
static int	 health_option(const char *, const char *, const char *);
static int	 add_service(enum service_kind, int, char *, int64_t);
static void	 place_service(void);
static int	 web_says(const char *, const char *, char *, char *, char *);

%}

%pure-parser

%token	ACCEPT ADDRESS ALLOW ALLOWED ANY
%token	BALANCER BLOCK BRIEF
%token	CA CLIENT COPY
%token	DERP DNS DNS64 DOMAIN DROP
%token	EGRESS
%token	ENDPOINT ERROR EXCLUDE EXPIRES NAT64
%token	FILE_ FILTER FLOWS FORMAT FORWARD FROM
%token	GATEWAY HEADER HEALTH ID
%token	IN
%token	INCLUDE INTERFACE IPS
%token	KEEPALIVE KEY
%token	LISTEN LOG
%token	MAX METRICS MTU
%token	NEW NO NOPRIVATEKEY
%token	OFFLOAD ON OUT OVERLAY
%token	PASS PASSWORD PCAP PCP PEER PEERS PERSISTENT PIN PORT PRESHARED
%token	PRIVATE
%token	PROTO PROXY PUBLIC
%token	QUICK QUOTA
%token	RATE REDACTED RELAY RESERVED RETURN_ ROLE ROTATE
%token	SIZE SNAPLEN SOCKS5 SOURCE TABLE TCP TO TOS TRUST TTL
%token	UAPI UDP UPSTREAM USER USERS
%token	VERBOSE VIA
%token	WATCH WEB WORKERS
%token	YES
%token	<v.string>	STRING
%token	<v.number>	NUMBER
%type	<v.number>	answer lport pcpmax port proto secrets transport yesno
%type	<v.string>	optword role string

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar include '\n'
		| grammar varset '\n'
		| grammar main '\n'
		| grammar peer '\n'
		| grammar rule '\n'
		| grammar service '\n'
		| grammar table '\n'
		| grammar web '\n'
		| grammar error '\n'	{ egress_begin(); }
		;

include		: INCLUDE STRING	{
			if (lex_include($2) == -1) {
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
			if (lex_define($1, $3) == -1)
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
			once(BLOCK_GLOBAL, "private key");
			if (read_key($4, conf->key) == -1) {
				free($4);
				YYERROR;
			}
			conf->key_from = SECRET_FILE;
			free(conf->key_file);
			conf->key_file = $4;
		}
		| PRIVATE KEY STRING	{
			once(BLOCK_GLOBAL, "private key");
			if (set_secret($3, conf->key, "private key") == -1)
				YYERROR;
			conf->key_from = SECRET_INLINE;
		}
		| PRIVATE KEY REDACTED	{
			conf->key_from = SECRET_REDACTED;
		}
		| ADDRESS addresses
		| MTU NUMBER		{
			if (set_number(BLOCK_GLOBAL, "mtu", $2) == -1)
				YYERROR;
		}
		| LOG VERBOSE		{
			once(BLOCK_GLOBAL, "log");
			conf->verbose = 1;
		}
		| LOG BRIEF		{
			once(BLOCK_GLOBAL, "log");
			conf->verbose = 0;
		}
		| MAX FLOWS NUMBER	{
			if (set_number(BLOCK_GLOBAL, "max flows", $3) == -1)
				YYERROR;
		}
		| MAX NEW FLOWS NUMBER	{
			if (set_number(BLOCK_GLOBAL, "max new flows", $4) ==
			    -1)
				YYERROR;
		}
		| NAT64 nat64s
		| BALANCER balancers
		| OFFLOAD yesno		{
			once(BLOCK_GLOBAL, "offload");
			conf->g.offload = $2 != 0;
		}
		| OVERLAY YES excludes	{
			once(BLOCK_GLOBAL, "overlay");
			conf->g.overlay = 1;
		}
		| OVERLAY NO		{
			once(BLOCK_GLOBAL, "overlay");
			conf->g.overlay = 0;
		}
		| COPY TOS yesno	{
			once(BLOCK_GLOBAL, "copy tos");
			conf->g.copy_tos = $3 != 0;
		}
		| HEALTH STRING STRING	{
			int	 r = health_option($2, $3, NULL);

			free($2);
			free($3);
			if (r == -1)
				YYERROR;
		}
		| HEALTH STRING STRING ON STRING	{
			int	 r = health_option($2, $3, $5);

			free($2);
			free($3);
			free($5);
			if (r == -1)
				YYERROR;
		}
		| WATCH yesno		{
			once(BLOCK_GLOBAL, "watch");
			conf->watch = $2 != 0;
		}
		| WORKERS NUMBER	{
			if (set_number(BLOCK_GLOBAL, "workers", $2) == -1)
				YYERROR;
		}
		| TTL NUMBER		{
			if (set_number(BLOCK_GLOBAL, "ttl", $2) == -1)
				YYERROR;
		}
		| EGRESS egress		{
			if (egress_use(&conf->egress) == -1)
				YYERROR;
		}
		| EGRESS STRING named	{
			if (egress_define(conf, $2) == -1)
				YYERROR;
		}
		| PUBLIC ENDPOINT STRING port	{
			struct ipaddr	 a;

			once(BLOCK_GLOBAL, "public endpoint");
			if (ipaddr_parse(&a, $3) == -1 && !host_name_ok($3)) {
				yyerror("public endpoint: \"%s\" is neither "
				    "an address nor a host name", $3);
				free($3);
				YYERROR;
			}
			free(conf->public_host);
			conf->public_host = $3;
			conf->public_port = (uint16_t)$4;
		}
		| GATEWAY PEER NUMBER ENDPOINT STRING port	{
			int	 r = gateway_peer($3, $5, (uint16_t)$6);

			free($5);
			if (r == -1)
				YYERROR;
		}
		| GATEWAY ID NUMBER	{
			if (set_number(BLOCK_GLOBAL, "gateway id", $3) ==
			    -1)
				YYERROR;
			conf->g.many = 1;
		}
		| PCAP FILE_ STRING	{
			once(BLOCK_GLOBAL, "pcap file");
			free(conf->pcap_file);
			conf->pcap_file = $3;
			conf->g.pcap_max = PCAP_MAX_DEFAULT;
			conf->g.pcap_files = conf->g.pcap_snaplen = 0;
			conf->g.pcap_peer[0] = '\0';
		} pcapopts
		| UAPI INTERFACE STRING secrets	{
			once(BLOCK_GLOBAL, "uapi interface");
			if (!uapi_name_valid($3)) {
				yyerror("uapi interface: 1 to %d letters, "
				    "digits and _=+.-", UAPI_NAME_LEN - 1);
				free($3);
				YYERROR;
			}
			strlcpy(conf->uapi_name, $3,
			    sizeof(conf->uapi_name));
			conf->g.uapi = (uint32_t)$4;
			free($3);
		}
		| TCP '{' optnl		{ option_begin(BLOCK_TCP); }
		    options '}'		{
			if (option_end() == -1)
				YYERROR;
		}
		| UDP '{' optnl		{ option_begin(BLOCK_UDP); }
		    options '}'		{
			if (option_end() == -1)
				YYERROR;
		}
		| PCP PORT string pcpmax	{
			struct rule	 r;
			int		 bad;

			once(BLOCK_GLOBAL, "pcp port");
			bad = get_port_range($3, &r) == -1 || r.port_lo < 1024;
			free($3);
			if (bad || get_number($4, 1, UINT16_MAX, "max") ==
			    -1) {
				if (bad)
					yyerror("pcp port: not low:high, from "
					    "1024 on");
				YYERROR;
			}
			conf->g.pcp_low = r.port_lo;
			conf->g.pcp_high = r.port_hi;
			conf->g.pcp_max = (uint16_t)$4;
		}
		| DNS LISTEN		{ zone = 0; }
		    dnsopts		{ conf->g.dns = 1; }
		| DNS BLOCK blocked
		| DNS BLOCK FILE_ STRING	{
			if (dns_file(conf, $4, 0) == -1)
				YYERROR;
		}
		| DNS BLOCK RETURN_ STRING	{
			int	 zero = strcmp($4, "zero") == 0;

			if (!zero && strcmp($4, "nxdomain") != 0) {
				yyerror("dns block return: nxdomain or zero");
				free($4);
				YYERROR;
			}
			once(BLOCK_GLOBAL, "dns block return");
			conf->g.dns_zero = zero;
			free($4);
		}
		| DNS ALLOW exempt
		| DNS ALLOW FILE_ STRING	{
			if (dns_file(conf, $4, 1) == -1)
				YYERROR;
		}
		| DNS64 yesno		{
			once(BLOCK_GLOBAL, "dns64");
			conf->g.dns64 = $2 != 0;
		}
		| DNS CA FILE_ STRING	{
			const char	*why = derp_ca(derp_dot(conf), $4);

			free($4);
			if (why != NULL) {
				yyerror("dns ca: %s", why);
				YYERROR;
			}
		}
		| DNS LOG yesno		{
			once(BLOCK_GLOBAL, "dns log");
			conf->g.dns_log = $3 != 0;
		}
		| DNS FORWARD STRING TO	{
			if (dns_zone(conf, $3, &zone) == -1)
				YYERROR;
		} zoneservers		{ zone = 0; }
		| DERP STRING		{
			const char	*why = derp_new(conf, $2, &derp);

			free($2);
			if (why != NULL) {
				yyerror("%s", why);
				YYERROR;
			}
		} derpblock
		;

pcpmax		: /* empty */		{ $$ = PCP_MAX_DEFAULT; }
		| MAX NUMBER		{ $$ = $2; }
		;

derpblock	: /* empty */
		| '{' optnl derpopts '}'
		;

derpopts	: /* empty */
		| derpopts derpopt nl
		| derpopts derpopt
		;

derpopt		: KEY FILE_ STRING	{
			if (derp_string(derp_key_file, $3) == -1)
				YYERROR;
		}
		| CA STRING		{
			if (derp_string(derp_ca, $2) == -1)
				YYERROR;
		}
		| CA FILE_ STRING	{
			if (derp_string(derp_ca, $3) == -1)
				YYERROR;
		}
		| PIN STRING		{
			if (derp_string(derp_pin, $2) == -1)
				YYERROR;
		}
		| PROXY STRING		{
			if (derp_string(derp_proxy, $2) == -1)
				YYERROR;
		}
		| ACCEPT ANY		{ derp->r.any = 1; }
		| ACCEPT PEERS		{ derp->r.any = 0; }
		;

zoneservers	: upstream
		| '{' optnl upstream_l '}'
		;

blocked		: block
		| '{' optnl block_l '}'
		;

block_l		: block optnl
		| block_l comma block optnl
		;

block		: STRING		{
			if (dns_name(conf, $1, 0) == -1)
				YYERROR;
		}
		;

exempt		: exemption
		| '{' optnl exempt_l '}'
		;

exempt_l	: exemption optnl
		| exempt_l comma exemption optnl
		;

exemption	: STRING		{
			if (dns_name(conf, $1, 1) == -1)
				YYERROR;
		}
		;

dnsopts		: /* empty */
		| dnsopts dnsopt
		;

dnsopt		: UPSTREAM upstream
		| UPSTREAM '{' optnl upstream_l '}'
		| DOMAIN STRING		{
			if (*$2 == '\0' || strlen($2) >= DOMAIN_LEN ||
			    $2[strspn($2, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] !=
			    '\0' || *$2 == '.' || strstr($2, "..") != NULL ||
			    $2[strlen($2) - 1] == '.') {
				yyerror("domain: not a domain name");
				free($2);
				YYERROR;
			}
			strlcpy(conf->g.domain, $2, sizeof(conf->g.domain));
			free($2);
		}
		;

upstream_l	: upstream optnl
		| upstream_l comma upstream optnl
		;

upstream	: STRING		{
			if (dns_upstream(conf, zone, $1) == -1)
				YYERROR;
		}
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

pcapopts	: /* empty */
		| pcapopts PEER string	{
			if (strlcpy(conf->g.pcap_peer, $3,
			    sizeof(conf->g.pcap_peer)) >=
			    sizeof(conf->g.pcap_peer)) {
				yyerror("pcap file: no peer has such a name");
				free($3);
				YYERROR;
			}
			free($3);
		}
		| pcapopts MAX SIZE string	{
			if (strcmp($4, "0") == 0) {
				conf->g.pcap_max = 0;
				free($4);
			} else if (get_size($4, &conf->g.pcap_max,
			    "max size") == -1)
				YYERROR;
		}
		| pcapopts ROTATE NUMBER	{
			if (get_number($3, 1, PCAP_FILES, "rotate") == -1)
				YYERROR;
			conf->g.pcap_files = (uint16_t)$3;
		}
		| pcapopts SNAPLEN NUMBER	{
			if (get_number($3, 40, UINT16_MAX, "snaplen") == -1)
				YYERROR;
			conf->g.pcap_snaplen = (uint16_t)$3;
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

egress		: way
		| outname
		| '{' optnl outname_l '}'
		| NAT64 STRING		{
			if (peer != NULL) {
				yyerror("egress nat64: it is for all peers");
				free($2);
				YYERROR;
			}
			if (egress_nat64(conf, $2) == -1)
				YYERROR;
		}
		;

named		: way
		| '{' optnl outname_l '}'
		;

outname_l	: outname optnl
		| outname_l comma outname optnl
		;

outname		: STRING		{
			if (egress_name($1) == -1)
				YYERROR;
		}
		;

way		: INTERFACE STRING	{
			if (egress_interface($2) == -1)
				YYERROR;
		}
		| SOURCE sourceaddr
		| SOURCE '{' optnl sources '}' rotation
		| VIA PEER STRING	{
			if (egress_uplink($3) == -1)
				YYERROR;
		}
		| SOCKS5 STRING PORT NUMBER	{
			if (egress_proxy($2, $4) == -1)
				YYERROR;
		} proxyuser
		;

proxyuser	: /* empty */
		| USER FILE_ STRING	{
			if (egress_user($3) == -1)
				YYERROR;
		}
		;

ownaddresses	: ownaddress
		| '{' optnl ownaddress_l '}'
		;

ownaddress_l	: ownaddress optnl
		| ownaddress_l comma ownaddress optnl
		;

ownaddress	: STRING		{
			if (peer_address(peer, $1) == -1)
				YYERROR;
		}
		;

owndns_l	: owndns optnl
		| owndns_l comma owndns optnl
		;

owndns		: STRING		{
			if (peer_dns(peer, $1) == -1)
				YYERROR;
		}
		;

rotation	: /* empty */
		| ROTATE string		{
			if (egress_rotate($2) == -1)
				YYERROR;
		}
		;

sources		: sourceaddr optnl
		| sources comma sourceaddr optnl
		;

sourceaddr	: STRING		{
			if (egress_source($1) == -1)
				YYERROR;
		}
		;

balancers	: balancer
		| '{' optnl balancer_l '}'
		;

balancer_l	: balancer optnl
		| balancer_l comma balancer optnl
		;

balancer	: STRING		{
			struct conf_balancers	*b = &conf->g.balancers;

			if (b->n == MAX_BALANCERS) {
				yyerror("balancer: more than %d",
				    MAX_BALANCERS);
				free($1);
				YYERROR;
			}
			if (get_prefix($1, &b->v[b->n], "balancer") == -1)
				YYERROR;
			b->n++;
		}
		;

nat64s		: nat64
		| '{' optnl nat64_l '}'
		;

nat64_l		: nat64 optnl
		| nat64_l comma nat64 optnl
		;

nat64		: STRING		{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, $1) == -1 || p.addr.af != 6 ||
			    (p.len != 96 && (p.len % 8 != 0 || p.len < 32 ||
			    p.len > 64))) {
				yyerror("nat64: not a prefix of RFC 6052");
				free($1);
				YYERROR;
			}
			free($1);
			ipprefix_mask(&p);
			if (conf->nnat64 == MAX_NAT64) {
				yyerror("nat64: more than %d prefixes",
				    MAX_NAT64);
				YYERROR;
			}
			config_add_prefix(&conf->nat64s, &p);
			conf->nnat64++;
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

/*
 * The options of a block are the rows of directive.c: words and a value, in
 * any order, with or without commas between them.
 */
options		: option optnl
		| options comma option optnl
		;

option		: STRING		{
			int	 r = option_word($1);

			free($1);
			if (r == -1)
				YYERROR;
		}
		| optword		{
			if (option_word($1) == -1)
				YYERROR;
		}
		| NUMBER		{
			if (option_number($1) == -1)
				YYERROR;
		}
		;

optword		: DNS			{ $$ = dns_word; }
		| LOG			{ $$ = log_word; }
		| NO			{ $$ = no_word; }
		| YES			{ $$ = yes_word; }
		| UPSTREAM		{ $$ = upstream_word; }
		;

peer		: PEER STRING		{
			if (*$2 == '\0' || strlen($2) >= PEER_NAME_LEN) {
				yyerror("peer name: 1 to %d characters",
				    PEER_NAME_LEN - 1);
				free($2);
				YYERROR;
			}
			peer = config_peer_new(conf, $2);
			given[BLOCK_PEER].n = 0;
			peer->line = lex_line();
			if ((peer->file = strdup(lex_file())) == NULL)
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
			once(BLOCK_PEER, "public key");
			if (set_key($3, peer->public) == -1) {
				yyerror("public key: not a key");
				YYERROR;
			}
			peer->has_public = 1;
		}
		| PRESHARED KEY FILE_ STRING	{
			once(BLOCK_PEER, "preshared key");
			if (read_key($4, peer->psk) == -1) {
				free($4);
				YYERROR;
			}
			peer->psk_from = SECRET_FILE;
			free(peer->psk_file);
			peer->psk_file = $4;
		}
		| PRESHARED KEY STRING	{
			once(BLOCK_PEER, "preshared key");
			if (set_secret($3, peer->psk,
			    "preshared key") == -1)
				YYERROR;
			peer->psk_from = SECRET_INLINE;
		}
		| PRESHARED KEY REDACTED	{
			peer->psk_from = SECRET_REDACTED;
		}
		| ALLOWED IPS allowedips
		| ENDPOINT STRING port	{
			uint16_t	 in = 0;

			once(BLOCK_PEER, "endpoint");
			if (endpoint_split($2, &in) == -1 ||
			    (in != 0 && $3 != 0)) {
				yyerror("endpoint: one port, as \"host\" "
				    "port 51820 or \"host:51820\"");
				free($2);
				YYERROR;
			}
			if ($3 == 0)
				$3 = in;
			if (config_endpoint(peer, $2) == -1) {
				yyerror("endpoint: \"%s\" is neither an "
				    "address nor a host name", $2);
				free($2);
				YYERROR;
			}
			free($2);
			peer->ep_port = $3 == 0 ? WGSLIRPD_PORT :
			    (uint16_t)$3;
		}
		| DNS FILTER yesno	{
			once(BLOCK_PEER, "dns filter");
			peer->dns_any = $3 == 0;
		}
		| PCP yesno		{
			once(BLOCK_PEER, "pcp");
			peer->pcp = $2 != 0;
		}
		| DNS LOG yesno		{
			once(BLOCK_PEER, "dns log");
			peer->dns_log = $3 != 0;
		}
		| ENDPOINT DERP STRING	{
			once(BLOCK_PEER, "endpoint derp");
			if (get_node($3, peer->relay_key) == -1)
				YYERROR;
			peer->has_relay = 1;
		}
		| EGRESS egress		{
			if (egress_use(&peer->egress) == -1)
				YYERROR;
		}
		| ADDRESS ownaddresses
		| PRIVATE KEY FILE_ STRING	{
			once(BLOCK_PEER, "private key");
			if (read_key($4, peer->own_key) == -1) {
				free($4);
				YYERROR;
			}
			peer->own_from = SECRET_FILE;
			free(peer->own_file);
			peer->own_file = $4;
		}
		| PRIVATE KEY STRING	{
			once(BLOCK_PEER, "private key");
			if (set_secret($3, peer->own_key, "private key") ==
			    -1)
				YYERROR;
			peer->own_from = SECRET_INLINE;
		}
		| PRIVATE KEY REDACTED	{
			peer->own_from = SECRET_REDACTED;
		}
		| DNS owndns
		| DNS '{' optnl owndns_l '}'
		| PERSISTENT KEEPALIVE NUMBER	{
			if (set_number(BLOCK_PEER, "persistent keepalive",
			    $3) == -1)
				YYERROR;
		}
		| MAX FLOWS NUMBER	{
			if (set_number(BLOCK_PEER, "max flows", $3) == -1)
				YYERROR;
		}
		| EXPIRES STRING	{
			once(BLOCK_PEER, "expires");
			if (get_time($2, &peer->expires) == -1)
				YYERROR;
		}
		| MAX NEW FLOWS NUMBER	{
			if (set_number(BLOCK_PEER, "max new flows", $4) == -1)
				YYERROR;
		}
		| QUOTA string		{
			once(BLOCK_PEER, "quota");
			if (get_size($2, &peer->quota, "quota") == -1)
				YYERROR;
		}
		| RATE IN string	{
			once(BLOCK_PEER, "rate in");
			if (get_rate($3, &peer->rate_in) == -1)
				YYERROR;
		}
		| RATE OUT string	{
			once(BLOCK_PEER, "rate out");
			if (get_rate($3, &peer->rate_out) == -1)
				YYERROR;
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

table		: TABLE '<' STRING '>'	{
			if (bad_table_name($3)) {
				free($3);
				YYERROR;
			}
			table = config_table_new(conf, $3);
			free($3);
			if (table == NULL) {
				yyerror("table is defined twice, or one too "
				    "many");
				YYERROR;
			}
		} tableparts
		;

tableparts	: tablepart
		| tableparts tablepart
		;

tablepart	: '{' optnl '}'
		| '{' optnl prefix_l '}'
		| FILE_ STRING		{
			if (table->path != NULL) {
				yyerror("a table has one file");
				free($2);
				YYERROR;
			}
			table->path = $2;
			if (read_table(table, $2) == -1)
				YYERROR;
		}
		;

prefix_l	: prefix optnl
		| prefix_l comma prefix optnl
		;

prefix		: STRING		{
			struct ipprefix	 p;

			if (get_prefix($1, &p, "table") == -1)
				YYERROR;
			config_add_prefix(&table->prefixes, &p);
		}
		;

service		: FORWARD transport FROM STRING PORT NUMBER TO STRING PORT
		    NUMBER		{
			struct ipaddr	 dst;

			if (get_addr($8, &dst, "forward to") == -1) {
				free($4);
				YYERROR;
			}
			if (add_service(SERVICE_FORWARD, (int)$2, $4, $6) ==
			    -1 || get_number($10, 1, UINT16_MAX, "port") ==
			    -1)
				YYERROR;
			service->s.dst = dst;
			service->s.dport = (uint16_t)$10;
		} allow
		| PROXY LISTEN ON STRING PORT NUMBER	{
			if (add_service(SERVICE_PROXY, IPPROTO_TCP, $4, $6) ==
			    -1)
				YYERROR;
		} users allow
		| RELAY LISTEN ON STRING PORT NUMBER TO DERP STRING	{
			if (add_service(SERVICE_RELAY, IPPROTO_UDP, $4, $6) ==
			    -1) {
				free($9);
				YYERROR;
			}
			if (get_node($9, service->s.key) == -1)
				YYERROR;
		} client allow
		| METRICS LISTEN ON STRING PORT NUMBER	{
			if (add_service(SERVICE_METRICS, IPPROTO_TCP, $4,
			    $6) == -1)
				YYERROR;
		}
		| METRICS LOG NUMBER	{
			if (set_number(BLOCK_GLOBAL, "metrics log", $3) == -1)
				YYERROR;
		}
		| METRICS FORMAT STRING	{
			char	 err[DIRECTIVE_ERR];

			once(BLOCK_GLOBAL, "metrics format");
			if (directive_text(directive_find(BLOCK_GLOBAL,
			    "metrics format"), conf, $3, err) == -1) {
				yyerror("metrics format: %s", err);
				free($3);
				YYERROR;
			}
			free($3);
		}
		;

web		: WEB LISTEN ON STRING PORT NUMBER	{
			if (add_service(SERVICE_WEB, IPPROTO_TCP, $4, $6) ==
			    -1)
				YYERROR;
		} allow
		| WEB LISTEN ON STRING	{
			if (web_says("listen on", web_listen(conf, $4,
			    &service), $4, NULL, NULL) == -1)
				YYERROR;
			place_service();
		}
		| WEB USER STRING PASSWORD STRING role	{
			if (web_says("user", web_user(conf, $3, $5, $6), $3,
			    $5, $6) == -1)
				YYERROR;
		}
		| WEB USER STRING PASSWORD REDACTED role	{
			if (web_says("user", web_user(conf, $3, NULL, $6), $3,
			    $6, NULL) == -1)
				YYERROR;
			web_hash_gone(conf);
		}
		| WEB USER STRING role	{
			if (web_says("user", web_user(conf, $3, NULL, $4), $3,
			    $4, NULL) == -1)
				YYERROR;
		}
		| WEB TRUST HEADER STRING role	{
			if (web_says("trust header", web_trust(conf, $4, $5),
			    $4, $5, NULL) == -1)
				YYERROR;
		} webfrom
		;

role		: /* empty */		{ $$ = NULL; }
		| ROLE STRING		{ $$ = $2; }
		;

webfrom		: /* empty */
		| FROM webprefix
		| FROM '{' optnl webprefix_l '}'
		;

webprefix_l	: webprefix optnl
		| webprefix_l comma webprefix optnl
		;

webprefix	: STRING		{
			struct ipprefix	 p;

			if (get_prefix($1, &p, "from") == -1)
				YYERROR;
			config_add_prefix(&conf->web.from, &p);
		}
		;

transport	: TCP			{ $$ = IPPROTO_TCP; }
		| UDP			{ $$ = IPPROTO_UDP; }
		;

users		: /* empty */
		| USERS FILE_ STRING	{
			service->users_file = $3;
			if (read_users(service, $3) == -1)
				YYERROR;
		}
		;

client		: /* empty */
		| CLIENT STRING PORT NUMBER	{
			if (get_addr($2, &service->s.dst, "client") == -1 ||
			    get_number($4, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			service->s.dport = (uint16_t)$4;
		}
		;

allow		: /* empty */
		| ALLOW allowed
		| ALLOW '{' optnl allowed_l '}'
		;

allowed_l	: allowed optnl
		| allowed_l comma allowed optnl
		;

allowed		: STRING		{
			struct ipprefix	 p;

			if (get_prefix($1, &p, "allow") == -1)
				YYERROR;
			config_add_prefix(&service->allow, &p);
		}
		;

rule		: action ruleparts	{
			if (finish_rule(conf) == -1)
				YYERROR;
		}
		;

action		: PASS			{ new_rule(1, ANSWER_PROHIBITED); }
		| BLOCK answer		{ new_rule(0, (int)$2); }
		;

answer		: /* empty */		{ $$ = ANSWER_PROHIBITED; }
		| RETURN_		{ $$ = ANSWER_RETURN; }
		| DROP			{ $$ = ANSWER_DROP; }
		;

ruleparts	: /* empty */
		| ruleparts rulepart
		;

rulepart	: OUT			{
			if (rule_part(PART_OUT) == -1)
				YYERROR;
		}
		| LOG			{
			if (rule_part(PART_LOG) == -1)
				YYERROR;
			rule_begun.rule.log = 1;
		}
		| QUICK			{
			if (rule_part(PART_QUICK) == -1)
				YYERROR;
			rule_begun.rule.quick = 1;
		}
		| PROTO proto		{
			if (rule_part(PART_PROTO) == -1)
				YYERROR;
			rule_begun.rule.proto = (uint8_t)$2;
		}
		| FROM {
			if (rule_part(PART_FROM) == -1)
				YYERROR;
		} from
		| TO {
			if (rule_part(PART_TO) == -1)
				YYERROR;
		} to portspec
		| EGRESS string		{
			int	 ok = strlcpy(rule_begun.egress, $2,
				    sizeof(rule_begun.egress)) <
				    sizeof(rule_begun.egress);

			free($2);
			if (rule_part(PART_EGRESS) == -1)
				YYERROR;
			if (!ok || !rule_begun.rule.pass) {
				yyerror(ok ? "egress is of a pass rule" :
				    "egress: not a name");
				YYERROR;
			}
		}
		;

from		: ANY
		| PEER frompeer
		| PEER '{' optnl frompeer_l '}'
		| fromhost
		| '{' optnl fromhost_l '}'
		;

frompeer_l	: frompeer optnl
		| frompeer_l comma frompeer optnl
		;

frompeer	: string		{
			struct item	*i = new_item(&rule_froms);

			if (strlcpy(i->name, $1, sizeof(i->name)) >=
			    sizeof(i->name) || *$1 == '\0') {
				yyerror("from peer: not a peer's name");
				free($1);
				YYERROR;
			}
			free($1);
		}
		;

fromhost_l	: fromhost optnl
		| fromhost_l comma fromhost optnl
		;

fromhost	: STRING		{
			if (get_prefix($1, &new_item(&rule_froms)->rule.from,
			    "from") == -1)
				YYERROR;
		}
		| '<' STRING '>'	{
			if (get_table($2, new_item(&rule_froms)) == -1)
				YYERROR;
		}
		;

proto		: TCP			{ $$ = IPPROTO_TCP; }
		| UDP			{ $$ = IPPROTO_UDP; }
		| ANY			{ $$ = 0; }
		| STRING		{
			if (strcmp($1, "icmp") == 0)
				$$ = IPPROTO_ICMP;
			else {
				yyerror("proto: tcp, udp or icmp");
				free($1);
				YYERROR;
			}
			free($1);
		}
		;

to		: ANY
		| tohost
		| '{' optnl tohost_l '}'
		;

tohost_l	: tohost optnl
		| tohost_l comma tohost optnl
		;

tohost		: PRIVATE		{
			new_item(&rule_tos)->rule.private = 1;
		}
		| STRING		{
			if (get_prefix($1, &new_item(&rule_tos)->rule.to,
			    "to") == -1)
				YYERROR;
		}
		| '<' STRING '>'	{
			if (get_table($2, new_item(&rule_tos)) == -1)
				YYERROR;
		}
		;

portspec	: /* empty */
		| PORT portitem
		| PORT '{' optnl portitem_l '}'
		;

portitem_l	: portitem optnl
		| portitem_l comma portitem optnl
		;

portitem	: NUMBER		{
			struct item	*i = new_item(&rule_ports);

			if (get_number($1, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			i->rule.port_lo = i->rule.port_hi = (uint16_t)$1;
		}
		| STRING		{
			if (get_port_range($1, &new_item(&rule_ports)->rule) ==
			    -1) {
				yyerror("port: not a port or low:high");
				free($1);
				YYERROR;
			}
			free($1);
		}
		;

%%

/* Has to be sorted. */
static const struct keyword	 keywords[] = {
	{ "accept",	ACCEPT },
	{ "address",	ADDRESS },
	{ "allow",	ALLOW },
	{ "allowed",	ALLOWED },
	{ "any",	ANY },
	{ "balancer",	BALANCER },
	{ "block",	BLOCK },
	{ "brief",	BRIEF },
	{ "ca",		CA },
	{ "client",	CLIENT },
	{ "copy",	COPY },
	{ "derp",	DERP },
	{ "dns",	DNS },
	{ "dns64",	DNS64 },
	{ "domain",	DOMAIN },
	{ "drop",	DROP },
	{ "egress",	EGRESS },
	{ "endpoint",	ENDPOINT },
	{ "exclude",	EXCLUDE },
	{ "expires",	EXPIRES },
	{ "file",	FILE_ },
	{ "filter",	FILTER },
	{ "flows",	FLOWS },
	{ "format",	FORMAT },
	{ "forward",	FORWARD },
	{ "from",	FROM },
	{ "gateway",	GATEWAY },
	{ "header",	HEADER },
	{ "health",	HEALTH },
	{ "id",		ID },
	{ "in",	IN },
	{ "include",	INCLUDE },
	{ "interface",	INTERFACE },
	{ "ips",	IPS },
	{ "keepalive",	KEEPALIVE },
	{ "key",	KEY },
	{ "listen",	LISTEN },
	{ "log",	LOG },
	{ "max",	MAX },
	{ "metrics",	METRICS },
	{ "mtu",	MTU },
	{ "nat64",	NAT64 },
	{ "new",	NEW },
	{ "no",		NO },
	{ "no-private-key", NOPRIVATEKEY },
	{ "offload",	OFFLOAD },
	{ "on",		ON },
	{ "out",	OUT },
	{ "overlay",	OVERLAY },
	{ "pass",	PASS },
	{ "password",	PASSWORD },
	{ "pcap",	PCAP },
	{ "pcp",	PCP },
	{ "peer",	PEER },
	{ "peers",	PEERS },
	{ "persistent",	PERSISTENT },
	{ "pin",	PIN },
	{ "port",	PORT },
	{ "preshared",	PRESHARED },
	{ "private",	PRIVATE },
	{ "proto",	PROTO },
	{ "proxy",	PROXY },
	{ "public",	PUBLIC },
	{ "quick",	QUICK },
	{ "quota",	QUOTA },
	{ "rate",	RATE },
	{ "redacted",	REDACTED },
	{ "relay",	RELAY },
	{ "reserved",	RESERVED },
	{ "return",	RETURN_ },
	{ "role",	ROLE },
	{ "rotate",	ROTATE },
	{ "size",	SIZE },
	{ "snaplen",	SNAPLEN },
	{ "socks5",	SOCKS5 },
	{ "source",	SOURCE },
	{ "table",	TABLE },
	{ "tcp",	TCP },
	{ "to",		TO },
	{ "tos",	TOS },
	{ "trust",	TRUST },
	{ "ttl",	TTL },
	{ "uapi",	UAPI },
	{ "udp",	UDP },
	{ "upstream",	UPSTREAM },
	{ "user",	USER },
	{ "users",	USERS },
	{ "verbose",	VERBOSE },
	{ "via",	VIA },
	{ "watch",	WATCH },
	{ "web",	WEB },
	{ "workers",	WORKERS },
	{ "yes",	YES }
};

static const struct lex_words	 vocabulary = {
	keywords, sizeof(keywords) / sizeof(keywords[0]), STRING, NUMBER,
	ERROR
};

/*
 * Tell who checks a configuration of what it says twice, where the last one
 * counts: of the whole configuration or one of its blocks, or of this peer.
 */
static void
once(enum directive_block b, const char *what)
{
	struct given	*g = &given[b];
	size_t		 i;

	if (!conf->check_only)
		return;
	for (i = 0; i < g->n; i++) {
		if (strcmp(g->what[i], what) == 0) {
			lex_warn("%s: given before; this one counts", what);
			return;
		}
	}
	if (g->n < MAX_GIVEN)
		g->what[g->n++] = what;
}

/* Set a directive that is a number. */
static int
set_number(enum directive_block b, const char *what, int64_t v)
{
	char	 err[DIRECTIVE_ERR];

	once(b, what);
	if (directive_number(directive_find(b, what), b == BLOCK_PEER ?
	    (void *)peer : (void *)conf, v, err) == 0)
		return (0);
	yyerror("%s: %s", what, err);
	return (-1);
}

/* Options follow, each of some words and a value. */
static void
option_begin(enum directive_block b)
{
	block = b;
	words[0] = '\0';
}

/* The option whose words are complete, and which lacks its value, or NULL. */
static const struct directive *
option_open(void)
{
	return (directive_find(block, words));
}

/* One more word: of what the option is called, or its value. */
static int
option_word(const char *s)
{
	const struct directive	*d = option_open();
	char			 err[DIRECTIVE_ERR];

	if (d != NULL) {
		words[0] = '\0';
		once(block, d->words);
		if (directive_text(d, conf, s, err) == 0)
			return (0);
		yyerror("%s: %s", d->words, err);
		return (-1);
	}
	if ((words[0] == '\0' || strlcat(words, " ", sizeof(words)) <
	    sizeof(words)) && strlcat(words, s, sizeof(words)) <
	    sizeof(words) && directive_begins(block, words))
		return (0);
	words[0] = '\0';
	yyerror("no such option");
	return (-1);
}

static int
option_number(int64_t v)
{
	const struct directive	*d = option_open();

	words[0] = '\0';
	if (d != NULL)
		return (set_number(block, d->words, v));
	yyerror("a number without an option");
	return (-1);
}

static int
option_end(void)
{
	if (words[0] == '\0')
		return (0);
	yyerror("an option without its value");
	return (-1);
}

/* Another gateway with this key, or this one in a list of all. */
static int
gateway_peer(int64_t id, const char *host, uint16_t port)
{
	struct conf_links	*l = &conf->g.links;
	struct ipaddr		 addr;
	int			 i;

	if (get_number(id, 0, 255, "gateway peer") == -1)
		return (-1);
	if (ipaddr_parse(&addr, host) == -1) {
		yyerror("gateway peer: endpoint: not an address");
		return (-1);
	}
	for (i = 0; i < l->n; i++)
		if (l->v[i].gateway == id || ipaddr_cmp(&l->v[i].addr,
		    &addr) == 0) {
			yyerror("gateway peer: one of that number or address "
			    "is there already");
			return (-1);
		}
	if (l->n == MAX_GATEWAYS) {
		yyerror("gateway peer: more than %d", MAX_GATEWAYS);
		return (-1);
	}
	l->v[l->n].gateway = (uint8_t)id;
	l->v[l->n].addr = addr;
	l->v[l->n++].port = port != 0 ? port : WGSLIRPD_PORT;
	conf->g.many = 1;
	return (0);
}

/* "health name NAME on SERVER", "health http URL" */
static int
health_option(const char *what, const char *value, const char *at)
{
	char	 err[PROBE_ERR];
	int	 r = 0;

	if (strcmp(what, "name") == 0) {
		once(BLOCK_GLOBAL, "health name");
		r = probe_name(&conf->g.health, value, at, err);
	} else if (strcmp(what, "http") == 0 && at == NULL) {
		once(BLOCK_GLOBAL, "health http");
		r = probe_http(&conf->g.health, value, err);
	} else {
		yyerror("health: \"%s\": not name NAME [on ADDRESS] or http "
		    "URL", what);
		return (-1);
	}
	if (r == -1)
		yyerror("health %s: %s", what, err);
	return (r);
}

/* An option of a relay.  Takes the string. */
static int
derp_string(const char *(*fn)(struct conf_derp *, const char *), char *s)
{
	const char	*why = fn(derp, s);

	freezero(s, strlen(s));
	if (why == NULL)
		return (0);
	yyerror("%s", why);
	return (-1);
}

/* Takes the address. */
static int
add_service(enum service_kind kind, int proto, char *addr, int64_t port)
{
	struct ipaddr	 a;
	int		 any = strcmp(addr, "*") == 0;

	if (any)
		free(addr);
	else if (get_addr(addr, &a, "listen on") == -1)
		return (-1);
	if (get_number(port, 1, UINT16_MAX, "port") == -1)
		return (-1);
	service = config_service_new(conf, kind, (uint8_t)proto);
	if (service == NULL) {
		yyerror("no more than %d forwards and other services",
		    MAX_SERVICES);
		return (-1);
	}
	if (!any)
		service->s.addr = a;
	service->s.port = (uint16_t)port;
	place_service();
	return (0);
}

/* Where the last service is, for what may be said of it. */
static void
place_service(void)
{
	service->line = lex_line();
	if ((service->file = strdup(lex_file())) == NULL)
		fatal(NULL);
}

/* A line about the page: what is wrong with it, or NULL.  Takes the texts. */
static int
web_says(const char *what, const char *why, char *a, char *b, char *c)
{
	if (why != NULL)
		yyerror("web %s: %s", what, why);
	free(a);
	freezero(b, b != NULL ? strlen(b) : 0);
	free(c);
	return (why != NULL ? -1 : 0);
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
	char		 err[512], line[640];
	int		 last, bad;

	c = conf = directive_config();
	conf->check_only = check_only;
	memset(given, 0, sizeof(given));
	zone = 0;
	if (lex_begin(path, NULL, &vocabulary) == 0)
		yyparse();
	bad = lex_end(&last);
	if (lex_pattern_dir() != NULL &&
	    (c->peers_dir = strdup(lex_pattern_dir())) == NULL)
		fatal(NULL);
	if (bad == 0 && (what = config_check(c, err, sizeof(err))) != NULL) {
		bad++;
		if (strchr(what, ':') == NULL) {
			snprintf(line, sizeof(line), "%s:%d: %s", path, last,
			    what);
			what = line;
		}
		lex_fail(what);
	}
	new_rule(0, 0);
	egress_begin();
	peer = NULL;
	conf = NULL;
	if (bad == 0)
		return (c);
	config_wipe(c);
	config_free(c);
	return (NULL);
}

/*
 * Read statements into a configuration that goes on being made; name is
 * what messages call the text.  -1 after telling what is wrong.
 */
int
parse_text(struct config *c, const char *name, const char *text)
{
	int	 last, bad;

	if (*text == '\0')
		return (0);
	conf = c;
	zone = 0;
	if (lex_begin(name, text, &vocabulary) == 0)
		yyparse();
	bad = lex_end(&last);
	new_rule(0, 0);
	egress_begin();
	peer = NULL;
	conf = NULL;
	return (bad == 0 ? 0 : -1);
}
