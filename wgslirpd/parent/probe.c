/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "endpoint.h"
#include "probe.h"

#define HTTP		"http://"
#define HTTP_PORT	80

static int
wrong(char *err, const char *what)
{
	strlcpy(err, what, PROBE_ERR);
	return (-1);
}

int
probe_name(struct conf_health *h, const char *name, const char *at, char *err)
{
	struct ipaddr	 a;

	memset(&a, 0, sizeof(a));
	if (at != NULL && ipaddr_parse(&a, at) == -1)
		return (wrong(err, "the server is not an address"));
	if (!host_name_ok(name) || strlcpy(h->name, name, sizeof(h->name)) >=
	    sizeof(h->name))
		return (wrong(err, "not a host name"));
	h->at = a;
	return (0);
}

int
probe_http(struct conf_health *h, const char *url, char *err)
{
	char		 host[HEALTH_HOST_LEN + 8];
	const char	*s, *path;
	struct ipaddr	 a;
	uint16_t	 port = 0;

	if (strncmp(url, HTTP, strlen(HTTP)) != 0)
		return (wrong(err, "not http://host/path; only http can be "
		    "asked"));
	s = url + strlen(HTTP);
	if ((path = strchr(s, '/')) == NULL)
		path = s + strlen(s);
	if ((size_t)(path - s) >= sizeof(host))
		return (wrong(err, "host too long"));
	memcpy(host, s, (size_t)(path - s));
	host[path - s] = '\0';
	if (*path == '\0')
		path = "/";
	for (s = path; *s != '\0'; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\')
			return (wrong(err, "a character that no URL has"));
	if (endpoint_split(host, &port) == -1 ||
	    (ipaddr_parse(&a, host) == -1 && !host_name_ok(host)))
		return (wrong(err, "not a host"));
	if (strlcpy(h->host, host, sizeof(h->host)) >= sizeof(h->host) ||
	    strlcpy(h->path, path, sizeof(h->path)) >= sizeof(h->path))
		return (wrong(err, "too long"));
	h->port = port != 0 ? port : HTTP_PORT;
	return (0);
}

void
probe_print(const struct conf_health *h)
{
	char	 buf[ADDR_STRLEN];

	if (h->name[0] != '\0') {
		printf("health name \"%s\"", h->name);
		if (h->at.af != 0)
			printf(" on %s", ipaddr_str(&h->at, buf,
			    sizeof(buf)));
		printf("\n");
	}
	if (h->host[0] != '\0')
		printf(strchr(h->host, ':') != NULL ?
		    "health http \"http://[%s]:%u%s\"\n" :
		    "health http \"http://%s:%u%s\"\n", h->host, h->port,
		    h->path);
}
