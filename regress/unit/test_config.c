/* SPDX-License-Identifier: ISC */

/*
 * The table of directives: its rows make sense, and the manual pages say what
 * it does.  Run from the top of the tree.
 */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parent/directive.h"

#define PAGE_MAX	65536

static char	 conf5[PAGE_MAX], daemon8[PAGE_MAX];

static void
slurp(const char *path, char *buf)
{
	FILE	*f;
	size_t	 n;

	assert_non_null(f = fopen(path, "r"));
	n = fread(buf, 1, PAGE_MAX - 1, f);
	assert_true(n > 0 && n < PAGE_MAX - 1);
	buf[n] = '\0';
	fclose(f);
}

/* The item of a page about a directive, within a section; "" if none. */
static const char *
item(const char *section, const char *words)
{
	static char	 buf[4096];
	char		 head[128];
	const char	*s, *e;
	size_t		 n;

	assert_non_null(s = strstr(conf5, section));
	snprintf(head, sizeof(head), "\n.It Ic %s ", words);
	if ((s = strstr(s, head)) == NULL)
		return ("");
	/* those with a text in common stand one after the other */
	e = s + 1;
	do {
		e = strchr(e, '\n') + 1;
	} while (strncmp(e, ".It Ic ", 7) == 0);
	if ((e = strstr(e, "\n.It ")) == NULL || e - s > 4000)
		e = s + 1000;
	n = (size_t)(e - s);
	memcpy(buf, s, n);
	buf[n] = '\0';
	return (buf);
}

static const char *
section_of(enum directive_block b)
{
	return (b == BLOCK_TCP ? ".Ss TCP\n" : b == BLOCK_UDP ? ".Ss UDP\n" :
	    b == BLOCK_PEER ? ".Ss Peers\n" : ".Sh ");
}

/* Each is in the page with its range, or its choices, and its default. */
static void
in_the_page(void **state)
{
	const struct directive	*d;
	const char		*text;
	char			 word[64];
	size_t			 i, k;

	(void)state;
	for (i = 0; i < ndirectives; i++) {
		d = &directives[i];
		text = item(section_of(d->block), d->words);
		if (*text == '\0')
			fail_msg("%s is not in wgslirpd.conf.5", d->words);
		if (d->type == VALUE_NUMBER) {
			snprintf(word, sizeof(word), "%lld to %lld",
			    (long long)d->lo, (long long)d->hi);
			if (strstr(text, word) == NULL)
				fail_msg("%s: the page lacks %s", d->words,
				    word);
			snprintf(word, sizeof(word), "%lld",
			    (long long)d->dflt);
			if (!d->quiet && strstr(text, word) == NULL)
				fail_msg("%s: the page lacks its default %s",
				    d->words, word);
		}
		for (k = 0; d->type == VALUE_CHOICE && d->names[k] != NULL;
		    k++)
			if (strstr(conf5, d->names[k]) == NULL)
				fail_msg("%s: the page lacks %s", d->words,
				    d->names[k]);
		if (d->env != NULL && strstr(daemon8, d->env) == NULL)
			fail_msg("%s is not in wgslirpd.8", d->env);
	}
}

/* What the page has among the options of a block is in the table. */
static void
in_the_table(void **state)
{
	static const enum directive_block	 blocks[] = { BLOCK_TCP,
						    BLOCK_UDP };
	const char	*s, *end;
	char		 words[64];
	size_t		 i, n, seen;

	(void)state;
	for (i = 0; i < 2; i++) {
		s = strstr(conf5, section_of(blocks[i]));
		end = strstr(s + 1, "\n.Ss ");
		for (seen = 0; (s = strstr(s + 1, "\n.It Ic ")) != NULL &&
		    s < end; seen++) {
			s += strlen("\n.It Ic ");
			/* up to the first macro, or the first choice */
			for (n = 0; n < sizeof(words) - 1 && s[n] != '\n' &&
			    (s[n] != ' ' || (s[n + 1] >= 'a' &&
			    s[n + 1] <= 'z')); n++)
				words[n] = s[n];
			words[n] = '\0';
			if (strncmp(words, "filtering ", 10) == 0)
				words[9] = '\0';
			if (directive_find(blocks[i], words) == NULL)
				fail_msg("%s is not in the table", words);
		}
		assert_true(seen > 2);
	}
}

/* Defaults are within their ranges, and no two rows mean the same. */
static void
rows(void **state)
{
	const struct directive	*d;
	struct config		 c;
	struct conf_peer	 p;
	char			 err[DIRECTIVE_ERR];
	size_t			 i, k;
	int			 n;

	(void)state;
	for (i = 0; i < ndirectives; i++) {
		d = &directives[i];
		assert_ptr_equal(directive_find(d->block, d->words), d);
		for (k = 0; k < i; k++)
			assert_true(d->env == NULL ||
			    directives[k].env == NULL ||
			    strcmp(d->env, directives[k].env) != 0);
		for (n = 0; d->names != NULL && d->names[n] != NULL; n++)
			continue;
		if (d->type == VALUE_CHOICE)
			assert_true(n > 1 && d->dflt < n);
		else
			assert_true(d->quiet || d->zero ||
			    (d->dflt >= d->lo && d->dflt <= d->hi));
		/* the widest value fits where it goes */
		memset(&c, 0, sizeof(c));
		memset(&p, 0, sizeof(p));
		if (d->type != VALUE_NUMBER)
			continue;
		assert_int_equal(directive_number(d, d->block == BLOCK_PEER ?
		    (void *)&p : (void *)&c, d->hi, err), 0);
		assert_true(directive_value(d, d->block == BLOCK_PEER ?
		    (void *)&p : (void *)&c) == d->hi);
		assert_int_equal(directive_number(d, d->block == BLOCK_PEER ?
		    (void *)&p : (void *)&c, d->hi + 1, err), -1);
		assert_int_equal(directive_number(d, d->block == BLOCK_PEER ?
		    (void *)&p : (void *)&c, -1, err), -1);
	}
	/* no option's name begins with another's: the grammar relies on it */
	for (i = 0; i < ndirectives; i++)
		for (k = 0; k < ndirectives; k++)
			if (i != k && directives[i].block ==
			    directives[k].block && directives[i].block !=
			    BLOCK_GLOBAL)
				assert_false(strncmp(directives[i].words,
				    directives[k].words,
				    strlen(directives[k].words)) == 0 &&
				    directives[i].words[strlen(
				    directives[k].words)] == ' ');
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(in_the_page),
		cmocka_unit_test(in_the_table),
		cmocka_unit_test(rows)
	};

	slurp("man/wgslirpd.conf.5", conf5);
	slurp("man/wgslirpd.8", daemon8);
	return (RUN(tests));
}
