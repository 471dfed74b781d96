/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "edit.h"
#include "json.h"
#include "owner.h"
#include "peers.h"
#include "qr.h"
#include "question.h"

#define MAX_FLOWS	1000	/* in an answer */
#define MAX_MADE	24	/* answers that are being made */

/* An answer that needs another process. */
struct making {
	struct httpd_conn	*c;
	uint32_t		 id;		/* of the question, or 0 */
	struct answer		 t;
	char			 name[CTL_NAME_LEN];	/* of a new peer */
	uint64_t		 n;		/* records so far */
	int			 edits;
};

static int	 nmade;

static void
made_closed(struct httpd_conn *c, void *user)
{
	struct making	*m = user;

	(void)c;
	if (m->id != 0)
		question_cancel(m->id);
	if (m->t.f != NULL) {
		fclose(m->t.f);
		freezero(m->t.text, m->t.len);
	}
	nmade--;
	free(m);
}

static struct making *
make(struct httpd_conn *c)
{
	struct making	*m = NULL;

	if (nmade >= MAX_MADE || (m = calloc(1, sizeof(*m))) == NULL) {
		answer_error(c, "503 Service Unavailable", "too much at once");
		return (NULL);
	}
	m->c = c;
	nmade++;
	if (owner_set(c, m, made_closed) == -1) {
		nmade--;
		free(m);
		answer_error(c, "503 Service Unavailable", "out of memory");
		return (NULL);
	}
	if (answer_begin(c, &m->t) == NULL)
		return (NULL);
	return (m);
}

/* The answer is complete, or is this. */
static void
finish(struct making *m, const char *error)
{
	m->id = 0;
	if (error == NULL) {
		answer_end(&m->t, "200 OK", "");
		m->t.f = NULL;
		return;
	}
	fclose(m->t.f);
	m->t.f = NULL;
	freezero(m->t.text, m->t.len);
	answer_error(m->c, m->edits ? "409 Conflict" :
	    "503 Service Unavailable", error);
}

static void
fail_with(struct making *m, const void *data, size_t len)
{
	char	 text[CTL_TEXT_LEN];

	memset(text, 0, sizeof(text));
	if (data != NULL && len == sizeof(text))
		memcpy(text, data, sizeof(text) - 1);
	finish(m, text[0] != '\0' ? text : "not answering");
}

/* ---- changes */

static void
edited(void *arg, uint32_t type, const void *data, size_t len)
{
	struct making		*m = arg;
	struct ctl_client	 client;

	switch (type) {
	case CTL_CLIENT:
		memcpy(&client, data, sizeof(client));
		client.text[sizeof(client.text) - 1] = '\0';
		fprintf(m->t.f, "{\"name\":");
		json_string(m->t.f, m->name);
		fprintf(m->t.f, ",\"config\":");
		json_string(m->t.f, client.text);
		fprintf(m->t.f, ",\"qr\":");
		qr_json(m->t.f, client.text);
		fprintf(m->t.f, "}\n");
		explicit_bzero(&client, sizeof(client));
		m->n++;
		break;
	case CTL_FAIL:
		fail_with(m, data, len);
		break;
	case CTL_OK:
		if (m->n == 0)
			fprintf(m->t.f, "{}\n");
		finish(m, NULL);
		peers_again();
		break;
	}
}

void
edit_peer(struct httpd_conn *c, const struct ctl_edit *e)
{
	struct making	*m;

	if ((m = make(c)) == NULL)
		return;
	m->edits = 1;
	strlcpy(m->name, e->name, sizeof(m->name));
	if ((m->id = question_edit(e, edited, m)) == 0)
		finish(m, "too much at once");
}

void
edit_kill_flow(struct httpd_conn *c, uint64_t id)
{
	struct making	*m;

	if ((m = make(c)) == NULL)
		return;
	m->edits = 1;
	if ((m->id = question(CTL_KILL_FLOW, id, NULL, edited, m)) == 0)
		finish(m, "too much at once");
}

/* ---- lists */

static void
put_flow(FILE *f, const struct ctl_flow *flow)
{
	struct ctl_flow	 c = *flow;
	char		 text[ADDR_STRLEN];

	c.peer_name[sizeof(c.peer_name) - 1] = c.way[sizeof(c.way) - 1] =
	    c.state[sizeof(c.state) - 1] = '\0';
	fprintf(f, "{\"id\":\"%" PRIu64 "\",\"proto\":\"%s\",\"peer\":", c.id,
	    c.proto == IPPROTO_TCP ? "tcp" : c.proto == IPPROTO_UDP ? "udp" :
	    "icmp");
	json_string(f, c.peer_name);
	fprintf(f, ",\"source\":");
	json_string(f, ipport_str(&c.src, c.sport, text, sizeof(text)));
	fprintf(f, ",\"destination\":");
	json_string(f, ipport_str(&c.dst, c.dport, text, sizeof(text)));
	fprintf(f, ",\"state\":");
	json_string(f, c.state);
	fprintf(f, ",\"way\":");
	json_string(f, c.way);
	fprintf(f, ",\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
	    ",\"age\":%" PRIu64 "}", c.rx_bytes, c.tx_bytes, c.age);
}

static void
put_rule(FILE *f, const struct ctl_rule *rule)
{
	struct ctl_rule	 r = *rule;

	r.text[sizeof(r.text) - 1] = '\0';
	fprintf(f, "{\"number\":%" PRIu64 ",\"matches\":%" PRIu64
	    ",\"rule\":", r.number, r.matches);
	json_string(f, r.text);
	putc('}', f);
}

static void
put_entry(FILE *f, const struct ctl_entry *entry)
{
	struct ctl_entry	 e = *entry;

	e.name[sizeof(e.name) - 1] = e.value[sizeof(e.value) - 1] = '\0';
	fprintf(f, "{\"name\":");
	json_string(f, e.name);
	fprintf(f, ",\"address\":");
	json_string(f, e.value);
	putc('}', f);
}

static void
put_process(FILE *f, const struct ctl_process *process)
{
	struct ctl_process	 p = *process;

	p.title[sizeof(p.title) - 1] = '\0';
	fprintf(f, "{\"title\":");
	json_string(f, p.title);
	fprintf(f, ",\"pid\":%d,\"seccomp\":%u,\"landlock\":%u}", p.pid,
	    p.seccomp, p.landlock);
}

static void
shown(void *arg, uint32_t type, const void *data, size_t len)
{
	struct making	*m = arg;

	if (type == CTL_FAIL) {
		fail_with(m, data, len);
		return;
	}
	if (type == CTL_END) {
		fprintf(m->t.f, "],\"more\":false}\n");
		finish(m, NULL);
		return;
	}
	if (m->n++ == MAX_FLOWS) {
		/* nobody reads more */
		question_cancel(m->id);
		fprintf(m->t.f, "],\"more\":true}\n");
		finish(m, NULL);
		return;
	}
	if (m->n > 1)
		putc(',', m->t.f);
	switch (type) {
	case CTL_FLOW:
		put_flow(m->t.f, data);
		break;
	case CTL_RULE:
		put_rule(m->t.f, data);
		break;
	case CTL_ENTRY:
		put_entry(m->t.f, data);
		break;
	case CTL_PROCESS:
		put_process(m->t.f, data);
		break;
	}
}

void
edit_show(struct httpd_conn *c, const char *what, const char *peer)
{
	static const struct {
		const char	*what;
		uint32_t	 type;
	}		 lists[] = { { "flows", CTL_SHOW_FLOWS },
			    { "rules", CTL_SHOW_RULES },
			    { "names", CTL_SHOW_NAMES },
			    { "processes", CTL_SHOW_PROCESSES } };
	struct making	*m;
	size_t		 i;

	for (i = 0; strcmp(lists[i].what, what) != 0; i++)
		continue;
	if ((m = make(c)) == NULL)
		return;
	fprintf(m->t.f, "{\"%s\":[", what);
	if ((m->id = question(lists[i].type, 0, peer, shown, m)) == 0)
		finish(m, "not answering");
}
