/* SPDX-License-Identifier: ISC */

#include <stdlib.h>
#include <string.h>

#include "guess.h"

int
guess_distance(const char *a, const char *b)
{
	int	 row[GUESS_MAX + 1], i, k, diag, was, n, m;

	n = (int)strlen(a);
	m = (int)strlen(b);
	if (n > GUESS_MAX || m > GUESS_MAX || abs(n - m) > GUESS_TYPOS)
		return (GUESS_TYPOS + 1);
	for (k = 0; k <= m; k++)
		row[k] = k;
	for (i = 1; i <= n; i++) {
		diag = row[0];
		row[0] = i;
		for (k = 1; k <= m; k++) {
			was = row[k];
			row[k] = diag + (a[i - 1] != b[k - 1]);
			if (row[k] > was + 1)
				row[k] = was + 1;
			if (row[k] > row[k - 1] + 1)
				row[k] = row[k - 1] + 1;
			diag = was;
		}
	}
	return (row[m]);
}
