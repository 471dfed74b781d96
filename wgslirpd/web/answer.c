/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "json.h"

#define JSON_TYPE	ANSWER_SAFE "Content-Type: application/json\r\n"

FILE *
answer_begin(struct httpd_conn *c, struct answer *t)
{
	t->c = c;
	t->text = NULL;
	t->len = 0;
	if ((t->f = open_memstream(&t->text, &t->len)) == NULL)
		answer_error(c, "503 Service Unavailable", "out of memory");
	return (t->f);
}

void
answer_end(struct answer *t, const char *status, const char *header)
{
	char	 headers[1024];
	int	 bad = ferror(t->f);

	if (fclose(t->f) == EOF || bad)
		answer_error(t->c, "503 Service Unavailable", "out of memory");
	else {
		snprintf(headers, sizeof(headers), "%s%s", JSON_TYPE, header);
		httpd_answer(t->c, status, headers, t->text, t->len);
	}
	freezero(t->text, t->len);
}

void
answer_error(struct httpd_conn *c, const char *status, const char *why)
{
	char	 text[1024];
	FILE	*f;

	if ((f = fmemopen(text, sizeof(text), "w")) == NULL) {
		httpd_answer(c, status, JSON_TYPE, NULL, 0);
		return;
	}
	fprintf(f, "{\"error\":");
	json_string(f, why);
	fprintf(f, "}\n");
	fclose(f);
	httpd_answer(c, status, JSON_TYPE, text, strlen(text));
}
