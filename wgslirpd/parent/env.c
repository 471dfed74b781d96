/* SPDX-License-Identifier: ISC */

/*
 * Configuration from the environment, with the variables of wgslirp, so
 * that a container definition written for it works unchanged.  A value
 * that is wrong is an error which names the variable, and shows the value
 * unless it is a key.  Keys are wiped from the environment.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "derp.h"
#include "directive.h"
#include "endpoint.h"
#include "env.h"
#include "grammar.h"
#include "guess.h"
#include "lex.h"
#include "log.h"
#include "probe.h"

extern char	**environ;

#define ENV_MTU_DEFAULT	1380
#define METRICS_DEFAULT	30	/* seconds */
#define SECRETS		"/run/secrets/"

struct env_parse {
	struct config	*conf;
	char		*err;
	size_t		 errlen;
	int		 failed;
};

/* Known to wgslirp, and without a meaning here. */
static const char *const	 ignored[] = {
	"FLOW_", "POOLING", "PROCESSOR_",
	"SIMPLE_MODE", "WG_TUN_"
};

static void
env_error(struct env_parse *e, const char *fmt, ...)
    __attribute__((__format__(printf, 2, 3)));

static void
env_error(struct env_parse *e, const char *fmt, ...)
{
	va_list	 ap;

	if (e->failed)
		return;
	e->failed = 1;
	va_start(ap, fmt);
	vsnprintf(e->err, e->errlen, fmt, ap);
	va_end(ap);
}

/* A variable's value, or NULL if it is unset or empty. */
static const char *
env_get(const char *name)
{
	const char	*v = getenv(name);

	return (v != NULL && *v != '\0' ? v : NULL);
}

static int
env_number(struct env_parse *e, const char *name, int lo, int hi, int dflt)
{
	const char	*v, *errstr;
	int		 n;

	if ((v = env_get(name)) == NULL)
		return (dflt);
	n = (int)strtonum(v, lo, hi, &errstr);
	if (errstr != NULL)
		env_error(e, "%s: \"%s\" is not a number from %d to %d", name,
		    v, lo, hi);
	return (n);
}

/* A key from the file that NAME_FILE names; who else may read it is checked. */
static int
env_key_file(struct env_parse *e, const char *name, uint8_t key[KEY_LEN])
{
	char		 var[PEER_NAME_LEN + 80];
	const char	*path, *reason;
	int		 fd, r;

	snprintf(var, sizeof(var), "%s_FILE", name);
	if ((path = env_get(var)) == NULL)
		return (0);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		env_error(e, "%s: %s: %s", var, path, strerror(errno));
		return (0);
	}
	/* there the container's manager decides who can read it */
	r = key_read_file(key, fd, strncmp(path, SECRETS, strlen(SECRETS)) ==
	    0, &reason);
	close(fd);
	if (r == -1)
		env_error(e, "%s: %s %s", var, path, reason);
	return (r == 0);
}

/* Read a secret and leave no trace of it in the environment. */
static int
env_key(struct env_parse *e, const char *name, uint8_t key[KEY_LEN])
{
	char	*v = getenv(name);
	int	 r;

	if (v == NULL || *v == '\0')
		return (env_key_file(e, name, key));
	r = key_from_text(key, v);
	explicit_bzero(v, strlen(v));
	unsetenv(name);
	if (r == -1) {
		env_error(e, "%s: not a key", name);
		return (0);
	}
	return (1);
}

/* Comma-separated prefixes; mask: host bits do not count. */
static void
env_prefixes(struct env_parse *e, const char *name, const char *value,
    struct conf_prefixes *list, int mask)
{
	struct ipprefix	 p;
	char		*copy, *s, *item;

	if ((copy = s = strdup(value)) == NULL)
		fatal(NULL);
	while ((item = strsep(&s, ", \t")) != NULL) {
		if (*item == '\0')
			continue;
		if (ipprefix_parse(&p, item) == -1) {
			env_error(e, "%s: \"%s\" is not an address/length",
			    name, item);
			break;
		}
		if (mask)
			ipprefix_mask(&p);
		config_add_prefix(list, &p);
	}
	free(copy);
}

/* "host:port" or "[address]:port". */
static void
env_endpoint(struct env_parse *e, const char *name, const char *value,
    struct conf_peer *p)
{
	char	 host[HOST_NAME_LEN + 2], *colon, *h = host;
	size_t	 n;

	if (strlcpy(host, value, sizeof(host)) >= sizeof(host) ||
	    (colon = strrchr(host, ':')) == NULL ||
	    port_parse(colon + 1, &p->ep_port) == -1) {
		env_error(e, "%s: \"%s\" is not host:port", name, value);
		return;
	}
	*colon = '\0';
	n = strlen(h);
	if (n > 2 && h[0] == '[' && h[n - 1] == ']') {
		h[n - 1] = '\0';
		h++;
	} else if (strchr(h, ':') != NULL) {
		env_error(e, "%s: \"%s\": write IPv6 as [address]:port", name,
		    value);
		return;
	}
	if (config_endpoint(p, h) == -1)
		env_error(e, "%s: \"%s\" is not host:port", name, value);
}

/* WG_PEER_i_...; index is whatever text WG_PEERS has. */
static void
env_peer(struct env_parse *e, const char *index)
{
	struct conf_peer	*p;
	const char		*v;
	char			 name[PEER_NAME_LEN + 64];

	if (strlen(index) >= PEER_NAME_LEN) {
		env_error(e, "WG_PEERS: \"%s\" is too long", index);
		return;
	}
	p = config_peer_new(e->conf, index);
	snprintf(name, sizeof(name), "WG_PEER_%s_PUBLIC_KEY", index);
	if ((p->has_public = env_key(e, name, p->public)) == 0) {
		env_error(e, "%s: missing, but WG_PEERS names peer %s", name,
		    index);
		return;
	}
	snprintf(name, sizeof(name), "WG_PEER_%s_PRESHARED_KEY", index);
	if (env_key(e, name, p->psk))
		p->psk_from = SECRET_INLINE;
	snprintf(name, sizeof(name), "WG_PEER_%s_ALLOWED_IPS", index);
	if ((v = env_get(name)) != NULL)
		env_prefixes(e, name, v, &p->aips, 1);
	snprintf(name, sizeof(name), "WG_PEER_%s_ENDPOINT", index);
	if ((v = env_get(name)) != NULL)
		env_endpoint(e, name, v, p);
	snprintf(name, sizeof(name), "WG_PEER_%s_DERP", index);
	if ((v = env_get(name)) != NULL) {
		p->has_relay = 1;
		if (key_from_node(p->relay_key, NODE_PUBLIC, v) == -1 ||
		    key_is_zero(p->relay_key))
			env_error(e, "%s: not \"" NODE_PUBLIC "\" and a key",
			    name);
	}
	snprintf(name, sizeof(name), "WG_PEER_%s_KEEPALIVE", index);
	p->keepalive = (uint16_t)env_number(e, name, 0, UINT16_MAX, 0);
}

/* One "key=value" of the inline form; a peer starts with its key. */
static struct conf_peer *
env_inline_item(struct env_parse *e, struct conf_peer *p, const char *item)
{
	const char	*eq = strchr(item, '='), *v = eq + 1, *errstr;
	size_t		 n = (size_t)(eq - item);
	char		 name[PEER_NAME_LEN];

	if (n == 10 && strncmp(item, "public_key", n) == 0) {
		snprintf(name, sizeof(name), "peer%u", e->conf->npeers + 1);
		p = config_peer_new(e->conf, name);
		if (key_from_text(p->public, v) == -1)
			env_error(e, "WG_PEERS: public_key of %s is not a key",
			    name);
		p->has_public = 1;
		return (p);
	}
	if (p == NULL) {
		env_error(e, "WG_PEERS: a peer starts with public_key=");
		return (NULL);
	}
	if (n == 11 && strncmp(item, "allowed_ips", n) == 0)
		env_prefixes(e, "WG_PEERS", v, &p->aips, 1);
	else if (n == 8 && strncmp(item, "endpoint", n) == 0)
		env_endpoint(e, "WG_PEERS", v, p);
	else if (n == 13 && strncmp(item, "preshared_key", n) == 0) {
		if (key_from_text(p->psk, v) == -1)
			env_error(e, "WG_PEERS: preshared_key of %s is not a "
			    "key", p->name);
		p->psk_from = SECRET_INLINE;
	} else if (n == 20 &&
	    strncmp(item, "persistent_keepalive", n) == 0) {
		p->keepalive = (uint16_t)strtonum(v, 0, UINT16_MAX, &errstr);
		if (errstr != NULL)
			env_error(e, "WG_PEERS: persistent_keepalive \"%s\" "
			    "is not a number of seconds", v);
	} else
		/* not shown: a key that slipped would be */
		env_error(e, "WG_PEERS: peer %s has an unknown item",
		    p->name);
	return (p);
}

/*
 * "public_key=..,allowed_ips=a,b,endpoint=..": commas separate items and
 * the elements of allowed_ips, which are the ones without a name.
 */
static void
env_peers_inline(struct env_parse *e, char *list)
{
	struct conf_peer	*p = NULL;
	struct ipprefix		 prefix;
	char			*item;

	while (!e->failed && (item = strsep(&list, ",; \t\n")) != NULL) {
		if (*item == '\0')
			continue;
		if (strchr(item, '=') == NULL) {
			if (p == NULL) {
				env_error(e, "WG_PEERS: a peer starts with "
				    "public_key=");
				return;
			}
			if (ipprefix_parse(&prefix, item) == -1) {
				env_error(e, "WG_PEERS: peer %s has an "
				    "unknown item", p->name);
				return;
			}
			env_prefixes(e, "WG_PEERS", item, &p->aips, 1);
		} else
			p = env_inline_item(e, p, item);
	}
}

static int
peer_is_set(unsigned int i)
{
	char	 name[64];

	snprintf(name, sizeof(name), "WG_PEER_%u_PUBLIC_KEY", i);
	if (env_get(name) != NULL)
		return (1);
	strlcat(name, "_FILE", sizeof(name));
	return (env_get(name) != NULL);
}

/*
 * WG_PEERS has the peers' indices.  Many write how many there are: a number of
 * which there is no peer, while those before it are all there.
 */
static int
env_counted(struct env_parse *e, const char *s)
{
	const char	*errstr;
	char		 index[16];
	unsigned int	 n, i;

	n = (unsigned int)strtonum(s, 1, MAX_PEERS, &errstr);
	if (errstr != NULL || peer_is_set(n))
		return (0);
	for (i = 0; i < n; i++)
		if (!peer_is_set(i))
			return (0);
	for (i = 0; i < n && !e->failed; i++) {
		snprintf(index, sizeof(index), "%u", i);
		env_peer(e, index);
	}
	return (1);
}

static void
env_peers(struct env_parse *e)
{
	char	*v, *s, *copy, *item;
	size_t	 len;

	if ((v = getenv("WG_PEERS")) == NULL || *v == '\0')
		return;
	if ((copy = s = strdup(v)) == NULL)
		fatal(NULL);
	len = strlen(copy);
	if (strstr(s, "public_key=") != NULL) {
		env_peers_inline(e, s);
		explicit_bzero(v, strlen(v));	/* may hold preshared keys */
		unsetenv("WG_PEERS");
	} else if (!env_counted(e, s)) {
		while (!e->failed && (item = strsep(&s, ", \t")) != NULL)
			if (*item != '\0')
				env_peer(e, item);
	}
	freezero(copy, len);
}

static int
has_prefix(const char *name, const char *const *list, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strncmp(name, list[i], strlen(list[i])) == 0)
			return (1);
	return (0);
}

/* Say which variables have no effect, in one line. */
static void
env_unused(void)
{
	char	 line[400] = "", name[64];
	char	**v, *eq;
	size_t	 n;

	for (v = environ; *v != NULL; v++) {
		if ((eq = strchr(*v, '=')) == NULL || eq[1] == '\0')
			continue;
		n = (size_t)(eq - *v);
		if (n >= sizeof(name))
			continue;
		memcpy(name, *v, n);
		name[n] = '\0';
		if (!has_prefix(name, ignored,
		    sizeof(ignored) / sizeof(ignored[0])))
			continue;
		strlcat(line, " ", sizeof(line));
		strlcat(line, name, sizeof(line));
	}
	if (line[0] != '\0')
		log_warnx("these variables have no effect:%s", line);
}

/* Those that have one, beside the rows of directive.c and WG_PEER_i_*. */
static const char *const	 known[] = {
	"METRICS_INTERVAL", "METRICS_LOG", "WG_ADDRESS", "WG_BLOCK",
	"WG_CONF", "WG_DEBUG", "WG_DERP_CA", "WG_DERP_KEY",
	"WG_DERP_KEY_FILE", "WG_DERP_PIN", "WG_DERP_PROXY", "WG_DERP_URL",
	"WG_DISABLE_IPV6", "WG_LISTEN_PORT",
	"WG_OVERLAY_EXCLUDE_CIDRS", "WG_OVERLAY_ROUTING", "WG_PASS",
	"WG_PCAP", "WG_PEERS", "WG_PRIVATE_KEY", "WG_PRIVATE_KEY_FILE",
	"WG_UAPI_INTERFACE"
};

/* The nearest name that has an effect; the same, if it has one itself. */
static const char *
nearest(const char *name)
{
	const char	*best = NULL;
	size_t		 i;
	int		 d, least = GUESS_TYPOS;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((d = guess_distance(name, known[i])) <= least) {
			best = known[i];
			least = d - 1;
		}
	for (i = 0; i < ndirectives; i++)
		if (directives[i].env != NULL && (d = guess_distance(name,
		    directives[i].env)) <= least) {
			best = directives[i].env;
			least = d - 1;
		}
	return (best);
}

/* Names like ours that are not; no value is shown, for it may be a key. */
static void
env_unknown(void)
{
	const char	*near;
	char		**v, name[GUESS_MAX + 1], *eq;
	size_t		 n;

	for (v = environ; *v != NULL; v++) {
		if ((strncmp(*v, "WG_", 3) != 0 &&
		    strncmp(*v, "TCP_", 4) != 0 &&
		    strncmp(*v, "METRICS_", 8) != 0) ||
		    strncmp(*v, "WG_PEER_", 8) == 0 ||
		    (eq = strchr(*v, '=')) == NULL || eq[1] == '\0' ||
		    (n = (size_t)(eq - *v)) >= sizeof(name))
			continue;
		memcpy(name, *v, n);
		name[n] = '\0';
		if (has_prefix(name, ignored,
		    sizeof(ignored) / sizeof(ignored[0])) ||
		    ((near = nearest(name)) != NULL &&
		    strcmp(near, name) == 0))
			continue;
		if (near != NULL)
			log_warnx("unknown variable %s (did you mean %s?)",
			    name, near);
		else
			log_warnx("unknown variable %s", name);
	}
}

/*
 * Rules, separated by commas or newlines: each is what follows the action
 * in a rule of wgslirpd.conf(5), or, as a single word, a destination.
 */
static void
env_rules(struct env_parse *e, const char *name, const char *action)
{
	const char	*v;
	char		*copy, *s, *item, *text;
	size_t		 size;
	FILE		*f;

	if (e->failed || (v = env_get(name)) == NULL)
		return;
	if ((copy = s = strdup(v)) == NULL ||
	    (f = open_memstream(&text, &size)) == NULL)
		fatal(NULL);
	while ((item = strsep(&s, ",\n")) != NULL) {
		item += strspn(item, " \t");
		item[strcspn(item, "\r")] = '\0';
		if (*item == '\0')
			continue;
		fprintf(f, "%s %s%s\n", action, strpbrk(item, " \t") == NULL ?
		    "to " : "", item);
	}
	fclose(f);
	if (parse_text(e->conf, name, text) == -1)
		env_error(e, "%s", lex_error());
	free(text);
	free(copy);
}

static int
env_true(struct env_parse *e, const char *name)
{
	static const char *const	 yes[] = { "1", "true", "yes", "on" };
	static const char *const	 no[] = { "0", "false", "no", "off" };
	const char			*v = env_get(name);
	int				 i;

	if (v == NULL)
		return (0);
	for (i = 0; i < 4; i++) {
		if (strcasecmp(v, yes[i]) == 0)
			return (1);
		if (strcasecmp(v, no[i]) == 0)
			return (0);
	}
	env_error(e, "%s: \"%s\" is neither true nor false", name, v);
	return (0);
}

/* What shows that the network works; all of it only if that is wanted. */
static void
env_health(struct env_parse *e)
{
	struct conf_health	*h = &e->conf->g.health;
	const char		*name = env_get("HEALTH_DNS_NAME");
	const char		*at = env_get("HEALTH_DNS_IP");
	const char		*url = env_get("HEALTH_HTTP_URL");
	char			 err[PROBE_ERR];

	if (!env_true(e, "HEALTHCHECK"))
		return;
	if (name != NULL && probe_name(h, name, at, err) == -1)
		env_error(e, "HEALTH_DNS_NAME, HEALTH_DNS_IP: %s", err);
	if (url != NULL && probe_http(h, url, err) == -1)
		env_error(e, "HEALTH_HTTP_URL: %s", err);
	if (name == NULL && url == NULL)
		env_error(e, "HEALTHCHECK: HEALTH_DNS_NAME or "
		    "HEALTH_HTTP_URL has to say what to look at");
}

/* No IPv6 beyond the gateway, whatever other rules say. */
static void
env_disable6(struct env_parse *e)
{
	if (env_true(e, "WG_DISABLE_IPV6") && !e->failed &&
	    parse_text(e->conf, "WG_DISABLE_IPV6", "block quick to ::/0\n") ==
	    -1)
		env_error(e, "%s", lex_error());
}

/* What a variable's word stands for in the configuration. */
static const char *
unalias(const struct directive *d, const char *v)
{
	size_t	 n = strlen(v);

	if (d->alias != NULL && strncasecmp(d->alias, v, n) == 0 &&
	    d->alias[n] == '=')
		return (d->alias + n + 1);
	return (v);
}

/* The settings that are one value.  Booleans: 1, true, yes, on. */
static void
env_directives(struct env_parse *e)
{
	const struct directive	*d;
	const char		*v;
	char			 err[DIRECTIVE_ERR], word[64];
	size_t			 i, k;

	for (i = 0; i < ndirectives; i++) {
		d = &directives[i];
		if (d->env == NULL || (v = env_get(d->env)) == NULL)
			continue;
		if (d->type == VALUE_YESNO)
			v = env_true(e, d->env) ? "yes" : "no";
		if (strlcpy(word, unalias(d, v), sizeof(word)) >=
		    sizeof(word))
			word[0] = '\0';
		for (k = 0; word[k] != '\0'; k++)
			word[k] = (char)tolower((unsigned char)word[k]);
		if (directive_text(d, e->conf, word, err) == 0)
			continue;
		if (d->type == VALUE_NUMBER)
			env_error(e, "%s: \"%s\" is not a number, %s", d->env,
			    v, err);
		else
			env_error(e, "%s: \"%s\", %s", d->env, v, err);
	}
}

/*
 * A duration as Go's programs write it: 15s, 1m30s, 500ms, or a number of
 * seconds.  In seconds, rounded up; -1 if it is none.
 */
static int64_t
duration(const char *s)
{
	static const struct {
		const char	*name;
		double		 seconds;
	} units[] = {
		{ "ms", 0.001 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }
	};
	double	 v, sum = 0;
	char	*end;
	size_t	 i;

	do {
		if (!isdigit((unsigned char)*s))
			return (-1);
		v = strtod(s, &end);
		if (*end == '\0' && sum == 0)
			return (v <= 86400 ? (int64_t)(v + 0.999) : -1);
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strncmp(end, units[i].name,
			    strlen(units[i].name)) == 0)
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return (-1);
		sum += v * units[i].seconds;
		s = end + strlen(units[i].name);
	} while (*s != '\0');
	return (sum <= 86400 ? (int64_t)(sum + 0.999) : -1);
}

/* Either of them has the figures logged, every 30 seconds by default. */
static void
env_metrics(struct env_parse *e)
{
	const char	*v = env_get("METRICS_INTERVAL");
	int64_t		 n;

	if (v == NULL) {
		if (env_get("METRICS_LOG") != NULL)
			e->conf->g.report = METRICS_DEFAULT;
		return;
	}
	if ((n = duration(v)) == -1)
		env_error(e, "METRICS_INTERVAL: \"%s\" is not a time like 15s "
		    "or 1m30s, up to 24h", v);
	else
		e->conf->g.report = (uint32_t)n;
}

/* The statements of WG_CONF, which may hold keys. */
static void
env_conf(struct env_parse *e)
{
	char	*v = getenv("WG_CONF");

	if (v == NULL)
		return;
	if (!e->failed && *v != '\0' &&
	    parse_text(e->conf, "WG_CONF", v) == -1)
		env_error(e, "%s", lex_error());
	explicit_bzero(v, strlen(v));
	unsetenv("WG_CONF");
}

/* What was read is a secret, and is not needed any more. */
static void
env_forget(const char *name)
{
	char	*v = getenv(name);

	if (v == NULL)
		return;
	explicit_bzero(v, strlen(v));
	unsetenv(name);
}

/* One relay; WG_CONF can have others. */
static void
env_derp(struct env_parse *e)
{
	static const struct {
		const char	*name;
		const char	*(*set)(struct conf_derp *, const char *);
	}			 vars[] = {
		{ "WG_DERP_KEY", derp_key_text },
		{ "WG_DERP_KEY_FILE", derp_key_file },
		{ "WG_DERP_CA", derp_ca },
		{ "WG_DERP_PIN", derp_pin },
		{ "WG_DERP_PROXY", derp_proxy }
	};
	struct conf_derp	*d = NULL;
	const char		*why, *v = env_get("WG_DERP_URL");
	size_t			 i;

	if (v == NULL) {
		env_forget("WG_DERP_KEY");
		env_forget("WG_DERP_PROXY");
		return;
	}
	if ((why = derp_new(e->conf, v, &d)) != NULL) {
		env_error(e, "WG_DERP_URL: %s", why);
		return;
	}
	for (i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		if ((v = env_get(vars[i].name)) != NULL &&
		    (why = vars[i].set(d, v)) != NULL)
			env_error(e, "%s: %s", vars[i].name, why);
	env_forget("WG_DERP_KEY");
	env_forget("WG_DERP_PROXY");
}

/*
 * The configuration that the environment describes, or NULL with what is
 * wrong in err.
 */
struct config *
config_env(int check_only, char *err, size_t errlen)
{
	struct env_parse	 e;
	const char		*v, *what;

	memset(&e, 0, sizeof(e));
	e.conf = directive_config();
	e.conf->check_only = check_only;
	e.err = err;
	e.errlen = errlen;
	if (env_key(&e, "WG_PRIVATE_KEY", e.conf->key))
		e.conf->key_from = SECRET_INLINE;
	else
		env_error(&e, "WG_PRIVATE_KEY: missing");
	config_add_listen(e.conf, NULL, (uint16_t)env_number(&e,
	    "WG_LISTEN_PORT", 0, UINT16_MAX, WGSLIRPD_PORT));
	e.conf->g.mtu = ENV_MTU_DEFAULT;
	env_directives(&e);
	env_metrics(&e);
	if ((v = env_get("WG_PCAP")) != NULL) {
		if ((e.conf->pcap_file = strdup(v)) == NULL)
			fatal(NULL);
		e.conf->g.pcap_max = PCAP_MAX_DEFAULT;
	}
	e.conf->g.many = env_get("WG_GATEWAY_ID") != NULL;
	if ((v = env_get("WG_ADDRESS")) != NULL)
		env_prefixes(&e, "WG_ADDRESS", v, &e.conf->addresses, 0);
	if (env_true(&e, "DEBUG") || env_true(&e, "WG_DEBUG"))
		e.conf->verbose = 1;
	if ((v = env_get("WG_UAPI_INTERFACE")) != NULL) {
		if (!uapi_name_valid(v))
			env_error(&e, "WG_UAPI_INTERFACE: \"%s\" is not an "
			    "interface name", v);
		strlcpy(e.conf->uapi_name, v, sizeof(e.conf->uapi_name));
		e.conf->g.uapi = UAPI_ON;
	}
	e.conf->g.overlay = env_true(&e, "WG_OVERLAY_ROUTING") != 0;
	if ((v = env_get("WG_OVERLAY_EXCLUDE_CIDRS")) != NULL)
		env_prefixes(&e, "WG_OVERLAY_EXCLUDE_CIDRS", v,
		    &e.conf->excludes, 1);
	env_peers(&e);
	env_derp(&e);
	env_disable6(&e);
	env_rules(&e, "WG_BLOCK", "block");
	env_health(&e);
	env_rules(&e, "WG_PASS", "pass");
	env_conf(&e);
	env_unused();
	env_unknown();
	if (!e.failed &&
	    (what = config_check(e.conf, err, errlen)) != NULL) {
		if (what != err)
			strlcpy(err, what, errlen);
		e.failed = 1;
	}
	if (e.failed) {
		config_wipe(e.conf);
		config_free(e.conf);
		return (NULL);
	}
	return (e.conf);
}
