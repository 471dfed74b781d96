/* SPDX-License-Identifier: ISC */

/*
 * Runs a fuzzer where libFuzzer is not: on all files of a folder, and then, for
 * some seconds, on what becomes of them by changes that are made up.  With the
 * name of a process behind the filter of that, which ends whatever makes a call
 * that the process may not make: the input is in crash.input then, too.
 *
 * usage: fuzz_NAME.t FOLDER SECONDS [SEED [PROCESS]]
 */

#include <sys/types.h>
#include <sys/mman.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "sandbox.h"

#define MAX_FILES	4096
#define MAX_LEN		4096

static struct {
	uint8_t	*p;
	size_t	 n;
}		 file[MAX_FILES];
static size_t	 nfiles;
static uint8_t	 now[MAX_LEN];
static size_t	 nnow;
static uint8_t	*kept;		/* of crash.input, behind a filter */

/* What it ended on is kept, to be looked at. */
static void
died(int sig)
{
	int	 fd;

	if ((fd = open("crash.input", O_WRONLY | O_CREAT | O_TRUNC, 0644)) !=
	    -1 && write(fd, now, nnow) == (ssize_t)nnow)
		(void)!write(STDERR_FILENO, "see crash.input\n", 16);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
load(const char *dir)
{
	char		 path[1024];
	struct dirent	*d;
	ssize_t		 n;
	DIR		*dp;
	int		 fd;

	if ((dp = opendir(dir)) == NULL)
		err(1, "%s", dir);
	while ((d = readdir(dp)) != NULL && nfiles < MAX_FILES) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		if ((fd = open(path, O_RDONLY)) == -1 ||
		    (file[nfiles].p = malloc(MAX_LEN)) == NULL ||
		    (n = read(fd, file[nfiles].p, MAX_LEN)) == -1)
			err(1, "%s", path);
		close(fd);
		file[nfiles++].n = (size_t)n;
	}
	closedir(dp);
}

static void
run(void)
{
	uint8_t	*exact;

	if (kept != NULL) {
		memset(kept, 0, MAX_LEN);
		memcpy(kept, now, nnow);
	}
	/* of its own length, so that a read beyond it is seen */
	if ((exact = malloc(nnow == 0 ? 1 : nnow)) == NULL)
		err(1, NULL);
	memcpy(exact, now, nnow);
	LLVMFuzzerTestOneInput(exact, nnow);
	free(exact);
}

/* One change: bits, bytes, numbers, parts that go, come again, are others'. */
static void
change(uint64_t *s)
{
	static const uint8_t	 odd[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
	size_t			 at, len, from;
	uint64_t		 r = fuzz_random(s);

	if (nnow == 0) {
		now[nnow++] = (uint8_t)r;
		return;
	}
	at = (r >> 8) % nnow;
	switch (r % 8) {
	case 0:
		now[at] ^= (uint8_t)(1U << ((r >> 40) % 8));
		break;
	case 1:
		now[at] = (uint8_t)(r >> 40);
		break;
	case 2:
		now[at] = odd[(r >> 40) % sizeof(odd)];
		break;
	case 3:
		now[at] = (uint8_t)(now[at] + (r >> 63 ? 1 : -1));
		break;
	case 4:		/* goes */
		len = 1 + (r >> 40) % 16;
		if (len > nnow - at)
			len = nnow - at;
		memmove(now + at, now + at + len, nnow - at - len);
		nnow -= len;
		break;
	case 5:		/* comes again */
		len = 1 + (r >> 40) % 64;
		if (len > nnow - at)
			len = nnow - at;
		if (nnow + len > MAX_LEN)
			len = MAX_LEN - nnow;
		memmove(now + at + len, now + at, nnow - at);
		nnow += len;
		break;
	case 6:		/* new */
		len = 1 + (r >> 40) % 8;
		if (nnow + len > MAX_LEN)
			len = MAX_LEN - nnow;
		memmove(now + at + len, now + at, nnow - at);
		nnow += len;
		for (; len > 0; len--)
			now[at++] = (uint8_t)fuzz_random(s);
		break;
	case 7:		/* another's */
		if (nfiles == 0)
			break;
		r = fuzz_random(s) % nfiles;
		if (file[r].n == 0)
			break;
		from = fuzz_random(s) % file[r].n;
		len = file[r].n - from;
		if (len > MAX_LEN - at)
			len = MAX_LEN - at;
		memcpy(now + at, file[r].p + from, len);
		if (at + len > nnow)
			nnow = at + len;
		break;
	}
}

/* From now on what a process of that name may do, and nothing else. */
static void
confine(const char *name)
{
	static const struct {
		const char		*name;
		enum sandbox_role	 role;
	}			 roles[] = {
		{ "crypto", SANDBOX_CRYPTO },
		{ "slirp", SANDBOX_SLIRP },
		{ "control", SANDBOX_CONTROL },
		{ "derp", SANDBOX_DERP }
	};
	struct sandbox_level	 level;
	char			 why[256];
	size_t			 i;
	int			 fd;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]) &&
	    strcmp(roles[i].name, name) != 0; i++)
		continue;
	if (i == sizeof(roles) / sizeof(roles[0]))
		errx(1, "no process is called %s", name);
	fd = open("crash.input", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd == -1 || ftruncate(fd, MAX_LEN) == -1 || (kept = mmap(NULL,
	    MAX_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) ==
	    MAP_FAILED)
		err(1, "crash.input");
	if (sandbox_early(why, sizeof(why)) == -1 ||
	    sandbox_enter(roles[i].role, NULL, 0, &level, why, sizeof(why)) ==
	    -1)
		errx(1, "%s", why);
}

int
main(int argc, char *argv[])
{
	uint64_t	 s = 1;
	unsigned long	 runs = 0;
	time_t		 end;
	size_t		 i;
	int		 n;

	if (argc < 3)
		errx(1, "usage: %s folder seconds [seed [process]]", argv[0]);
	load(argv[1]);
	signal(SIGABRT, died);
	if (argc > 3)
		s = strtoull(argv[3], NULL, 10);
	for (i = 0; i < nfiles; i++, runs++) {
		memcpy(now, file[i].p, nnow = file[i].n);
		run();
	}
	if (argc > 4) {
		/* what libraries do once they have done by now */
		confine(argv[4]);
		for (i = 0; i < nfiles; i++, runs++) {
			memcpy(now, file[i].p, nnow = file[i].n);
			run();
		}
	}
	end = time(NULL) + atoi(argv[2]);
	while (time(NULL) < end) {
		nnow = 0;
		if (nfiles > 0) {
			i = fuzz_random(&s) % nfiles;
			memcpy(now, file[i].p, nnow = file[i].n);
		}
		for (n = 1 + (int)(fuzz_random(&s) % 8); n > 0; n--)
			change(&s);
		run();
		runs++;
	}
	/* it ends by itself: there is nothing to be seen */
	if (kept != NULL)
		memset(kept, 0, MAX_LEN);
	n = snprintf((char *)now, sizeof(now), "%lu runs, %zu files\n", runs,
	    nfiles);
	(void)!write(STDOUT_FILENO, now, (size_t)n);
	_exit(0);
}
