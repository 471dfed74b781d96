/* original parser id follows */
/* yysccsid[] = "@(#)yaccpar	1.9 (Berkeley) 02/21/93" */
/* (use YYMAJOR/YYMINOR for ifdefs dependent on parser version) */

#define YYBYACC 1
#define YYMAJOR 2
#define YYMINOR 0
#define YYPATCH 20221106

#define YYEMPTY        (-1)
#define yyclearin      (yychar = YYEMPTY)
#define yyerrok        (yyerrflag = 0)
#define YYRECOVERING() (yyerrflag != 0)
#define YYENOMEM       (-2)
#define YYEOF          0
#undef YYBTYACC
#define YYBTYACC 0
#define YYDEBUGSTR YYPREFIX "debug"
#define YYPREFIX "yy"

#define YYPURE 0

#line 9 "wgslirpd/parse.y"
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
#include "wgslirpd.h"

#define MAX_INCLUDES	16
#define MAX_TOKEN	8096

static struct file {
	TAILQ_ENTRY(file)	 entry;
	FILE			*stream;
	char			*name;
	char			*iobuf;		/* wiped: may hold keys */
	const char		*pushed;	/* macro being expanded */
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
static int	 get_number(int64_t, int64_t, int64_t, const char *);
static int	 get_port_range(const char *, struct rule *);

typedef struct {
	union {
		int64_t		 number;
		char		*string;
	} v;
	int			 lineno;
} YYSTYPE;

int	 yyparse(void);

#line 105 "wgslirpd/parse.c"

/* compatibility with bison */
#ifdef YYPARSE_PARAM
/* compatibility with FreeBSD */
# ifdef YYPARSE_PARAM_TYPE
#  define YYPARSE_DECL() yyparse(YYPARSE_PARAM_TYPE YYPARSE_PARAM)
# else
#  define YYPARSE_DECL() yyparse(void *YYPARSE_PARAM)
# endif
#else
# define YYPARSE_DECL() yyparse(void)
#endif

/* Parameters sent to lex. */
#ifdef YYLEX_PARAM
# define YYLEX_DECL() yylex(void *YYLEX_PARAM)
# define YYLEX yylex(YYLEX_PARAM)
#else
# define YYLEX_DECL() yylex(void)
# define YYLEX yylex()
#endif

#if !(defined(yylex) || defined(YYSTATE))
int YYLEX_DECL();
#endif

/* Parameters sent to yyerror. */
#ifndef YYERROR_DECL
#define YYERROR_DECL() yyerror(const char *s)
#endif
#ifndef YYERROR_CALL
#define YYERROR_CALL(msg) yyerror(msg)
#endif

extern int YYPARSE_DECL();

#define ACK 257
#define ADDRESS 258
#define ALLOWED 259
#define ANY 260
#define BLOCK 261
#define BRIEF 262
#define DELAY 263
#define ENDPOINT 264
#define ERROR 265
#define FILE_ 266
#define FLOWS 267
#define FROM 268
#define INCLUDE 269
#define IPS 270
#define KEEPALIVE 271
#define KEY 272
#define LISTEN 273
#define LOG 274
#define MAX 275
#define MTU 276
#define ON 277
#define PASS 278
#define PEER 279
#define PERSISTENT 280
#define PORT 281
#define PRESHARED 282
#define PRIVATE 283
#define PROTO 284
#define PUBLIC 285
#define QUICK 286
#define REDACTED 287
#define TCP 288
#define TIMEOUT 289
#define TO 290
#define UDP 291
#define VERBOSE 292
#define STRING 293
#define NUMBER 294
#define YYERRCODE 256
typedef int YYINT;
static const YYINT yylhs[] = {                           -1,
    0,    0,    0,    0,    0,    0,    0,    0,    5,    6,
    4,    4,   10,   10,   11,   12,   12,    7,    7,    7,
    7,    7,    7,    7,    7,    7,    7,    7,    1,    1,
   13,   13,   17,   17,   16,   14,   14,   14,   19,   19,
   19,   18,   15,   15,   15,   20,   21,    8,   22,   22,
   22,   23,   23,   23,   23,   23,   23,   23,   23,   24,
   24,   24,   26,   26,   25,   31,    9,   27,   27,   28,
   28,   29,   29,   29,   29,    3,    3,    3,    3,   30,
   30,   32,   32,   32,    2,    2,    2,
};
static const YYINT yylen[] = {                            2,
    0,    2,    3,    3,    3,    3,    3,    3,    2,    3,
    1,    1,    0,    2,    2,    1,    0,    4,    4,    3,
    3,    2,    2,    2,    2,    3,    5,    5,    0,    2,
    1,    4,    2,    4,    1,    1,    3,    2,    1,    1,
    2,    3,    1,    3,    2,    2,    0,    7,    0,    3,
    2,    3,    4,    3,    3,    3,    3,    3,    3,    1,
    3,    4,    2,    4,    1,    0,    6,    1,    1,    0,
    1,    0,    2,    3,    2,    0,    2,    2,    2,    0,
    3,    1,    1,    1,    0,    2,    2,
};
static const YYINT yydefred[] = {                         1,
    0,    0,    0,   69,    0,    0,    0,    0,    0,   68,
    0,    0,    0,    0,    0,    2,    0,    0,    0,    0,
    0,    0,    8,   35,   13,   22,   31,    9,    0,   25,
   24,    0,   23,   47,    0,   13,   13,    0,    3,    4,
    5,    6,    7,   71,    0,    0,    0,   26,    0,    0,
   21,   20,    0,    0,   11,   12,   10,    0,    0,   14,
   13,    0,    0,   18,   13,   19,    0,    0,   36,    0,
    0,   43,   73,    0,   75,    0,   66,    0,   16,   32,
    0,   30,    0,    0,   13,    0,   27,   40,    0,   46,
   28,    0,   74,   77,   78,   79,    0,   13,    0,   42,
    0,   41,   37,   44,    0,   67,    0,    0,    0,    0,
    0,    0,    0,   48,    0,   82,   83,   84,    0,    0,
    0,    0,    0,    0,    0,   50,    0,   81,   65,   13,
   56,   60,   57,   59,   58,    0,   55,   54,   52,   87,
   86,    0,   53,   61,   13,    0,    0,   62,    0,   13,
    0,
};
#if defined(YYDESTRUCT_CALL) || defined(YYSTYPE_TOSTRING)
static const YYINT yystos[] = {                           0,
  296,  256,  258,  261,  269,  273,  274,  275,  276,  278,
  279,  283,  288,  291,  293,   10,  301,  302,  303,  304,
  305,  323,   10,  293,  123,  309,  312,  293,  277,  262,
  292,  267,  294,  293,  272,  123,  123,   61,   10,   10,
   10,   10,   10,  286,  324,  306,  293,  294,  317,  266,
  287,  293,  306,  306,  293,  294,  300,  268,  325,   10,
  312,  313,  281,  297,  123,  293,  257,  310,  314,  289,
  311,  316,  260,  279,  293,  284,  299,  306,   44,  125,
  308,  294,  306,  263,   10,   44,  125,  307,  315,  294,
  125,  315,  293,  288,  291,  293,  327,  312,  318,  294,
  306,  307,  314,  316,  290,  326,  306,  259,  264,  275,
  280,  282,  285,  125,  319,  260,  283,  293,  328,  270,
  293,  267,  271,  272,  272,  307,  281,  298,  293,  123,
  320,  321,  297,  294,  294,  266,  287,  293,  293,  293,
  294,  306,  293,  125,  321,  322,  306,  125,  308,  321,
  306,
};
#endif /* YYDESTRUCT_CALL || YYSTYPE_TOSTRING */
static const YYINT yydgoto[] = {                          1,
   64,  128,   77,   57,   17,   18,   19,   20,   21,   46,
   88,   81,   26,   68,   71,   27,   62,   69,   89,   72,
   49,   99,  115,  131,  132,  146,   22,   45,   59,  106,
   97,  119,
};
static const YYINT yysindex[] = {                         0,
  -10,   25, -113,    0, -256, -238, -230, -221, -253,    0,
 -240, -209,  -58,  -55,    5,    0,   59,   61,   62,   63,
   64, -211,    0,    0,    0,    0,    0,    0, -217,    0,
    0, -216,    0,    0, -226,    0,    0, -249,    0,    0,
    0,    0,    0,    0, -191,   -8, -200,    0,  -35, -210,
    0,    0,   -1,    1,    0,    0,    0, -237, -202,    0,
    0,  -23, -205,    0,    0,    0, -173,    6,    0, -203,
    7,    0,    0, -198,    0, -255,    0,   83,    0,    0,
 -197,    0,   83, -196,    0,   87,    0,    0, -158,    0,
    0, -189,    0,    0,    0,    0, -186,    0, -110,    0,
   83,    0,    0,    0, -236,    0,   83, -169, -188, -161,
 -164, -163, -162,    0,   87,    0,    0,    0, -170, -109,
 -200, -182, -181, -223, -185,    0, -245,    0,    0,    0,
    0,    0,    0,    0,    0, -179,    0,    0,    0,    0,
    0,   -9,    0,    0,    0,  -22,   83,    0, -178,    0,
   83,
};
static const YYINT yyrindex[] = {                         0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    2,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,   -2,    0,  107,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,   -3,    0,
    0, -175,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,  -41,    0,    0,
    0,    0, -106,    0,    0,  -31,    0,    0,    8,    0,
    0,   10,    0,    0,    0,    0,  109,    0,    0,    0,
   36,    0,    0,    0,    0,    0,  -40,    0,    0,    0,
    0,    0,    0,    0,  -97,    0,    0,    0,   87,    0,
   16,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0, -175,  -39,    0,    0,    0,
  -38,
};
#if YYBTYACC
static const YYINT yycindex[] = {                         0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,
};
#endif
static const YYINT yygindex[] = {                         0,
    4,    0,    0,    0,    0,    0,    0,    0,    0,   -6,
  -57,  -26,    0,    0,    0,  -21,    0,   32,   51,   31,
    0,    0,    0,    0, -115,    0,    0,    0,    0,    0,
    0,    0,
};
#define YYTABLESIZE 325
static const YYINT yytable[] = {                         16,
   60,   60,   33,   34,   63,   64,   76,   72,   60,   25,
   60,   70,   39,  130,  114,   85,   85,   38,   49,   45,
   79,   79,   73,  116,   61,   29,  145,   51,  102,   53,
   54,   30,   94,  150,   23,   95,   28,   96,   29,   50,
   33,   74,  136,   55,   56,   32,  117,  140,  141,   86,
   86,   38,   34,   45,   78,   75,  118,  126,   83,   98,
   51,   31,   35,  137,   36,   38,   52,   37,   39,  138,
   40,   41,   42,   43,   44,   47,   58,   48,  101,   15,
   63,   76,   66,   33,   34,   63,   64,   65,   82,   84,
   90,  107,   60,   39,   93,   24,   85,  100,   67,   70,
  120,   80,  148,  105,  121,  122,  123,  139,  124,  125,
  127,  134,  135,  143,  129,  144,   29,   17,   80,  149,
  103,   92,  104,  142,  133,    0,    0,    0,    0,    0,
   87,   91,   38,    0,   45,    0,    0,    0,  147,    0,
   29,    0,    0,  151,    0,    0,    0,    0,  108,    0,
    0,    0,   49,  109,    0,    0,    0,   49,    0,    0,
   15,   51,    0,    0,  110,    0,   51,    0,   49,  111,
    0,  112,    0,   49,  113,   49,    0,   51,   49,   24,
    0,    0,   51,  129,   51,    0,    0,   51,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,   39,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    2,    0,    3,    0,    0,
    4,   33,   34,   63,   64,   67,    0,   39,    5,    0,
    0,    0,    6,    7,    8,    9,    0,   10,   11,   70,
    0,    0,   12,    0,   29,    0,    0,   13,    0,   29,
   14,   72,   15,  129,   24,   70,   76,   72,    0,   70,
   29,   70,   15,    0,   15,   29,    0,   29,    0,   15,
   29,    0,    0,    0,    0,    0,    0,    0,    0,    0,
   15,    0,    0,    0,    0,   15,    0,   15,    0,    0,
   15,    0,    0,    0,   15,
};
static const YYINT yycheck[] = {                         10,
   10,   10,   44,   44,   44,   44,   10,   10,   10,  123,
   10,   10,   44,  123,  125,   10,   10,   10,  125,   10,
   44,   44,  260,  260,   46,   10,  142,  125,   86,   36,
   37,  262,  288,  149,   10,  291,  293,  293,  277,  266,
  294,  279,  266,  293,  294,  267,  283,  293,  294,   44,
   44,   44,  293,   44,   61,  293,  293,  115,   65,   81,
  287,  292,  272,  287,  123,   61,  293,  123,   10,  293,
   10,   10,   10,   10,  286,  293,  268,  294,   85,   44,
  281,  284,  293,  125,  125,  125,  125,  123,  294,  263,
  294,   98,   10,  125,  293,  293,   10,  294,  257,  289,
  270,  125,  125,  290,  293,  267,  271,  293,  272,  272,
  281,  294,  294,  293,  293,  125,   10,  293,   10,  146,
   89,   71,   92,  130,  121,   -1,   -1,   -1,   -1,   -1,
  125,  125,  125,   -1,  125,   -1,   -1,   -1,  145,   -1,
  125,   -1,   -1,  150,   -1,   -1,   -1,   -1,  259,   -1,
   -1,   -1,  259,  264,   -1,   -1,   -1,  264,   -1,   -1,
  125,  259,   -1,   -1,  275,   -1,  264,   -1,  275,  280,
   -1,  282,   -1,  280,  285,  282,   -1,  275,  285,  293,
   -1,   -1,  280,  293,  282,   -1,   -1,  285,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,  257,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,  256,   -1,  258,   -1,   -1,
  261,  293,  293,  293,  293,  257,   -1,  289,  269,   -1,
   -1,   -1,  273,  274,  275,  276,   -1,  278,  279,  268,
   -1,   -1,  283,   -1,  259,   -1,   -1,  288,   -1,  264,
  291,  284,  293,  293,  293,  284,  290,  290,   -1,  289,
  275,  290,  257,   -1,  259,  280,   -1,  282,   -1,  264,
  285,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
  275,   -1,   -1,   -1,   -1,  280,   -1,  282,   -1,   -1,
  285,   -1,   -1,   -1,  289,
};
#if YYBTYACC
static const YYINT yyctable[] = {                        -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,   -1,
   -1,   -1,   -1,   -1,
};
#endif
#define YYFINAL 1
#ifndef YYDEBUG
#define YYDEBUG 0
#endif
#define YYMAXTOKEN 294
#define YYUNDFTOKEN 329
#define YYTRANSLATE(a) ((a) > YYMAXTOKEN ? YYUNDFTOKEN : (a))
#if YYDEBUG
static const char *const yyname[] = {

"$end",0,0,0,0,0,0,0,0,0,"'\\n'",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,"','",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"'='",0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,0,0,0,"'{'",0,"'}'",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"error","ACK",
"ADDRESS","ALLOWED","ANY","BLOCK","BRIEF","DELAY","ENDPOINT","ERROR","FILE_",
"FLOWS","FROM","INCLUDE","IPS","KEEPALIVE","KEY","LISTEN","LOG","MAX","MTU",
"ON","PASS","PEER","PERSISTENT","PORT","PRESHARED","PRIVATE","PROTO","PUBLIC",
"QUICK","REDACTED","TCP","TIMEOUT","TO","UDP","VERBOSE","STRING","NUMBER",
"$accept","grammar","port","portspec","proto","string","include","varset",
"main","peer","rule","optnl","nl","comma","addresses","tcpopts","udpopts",
"address","address_l","tcpopt","optcomma","udpopt","$$1","peeropts","peeropt",
"allowedips","allowedip","allowedip_l","action","quick","from","to","$$2",
"dest","illegal-symbol",
};
static const char *const yyrule[] = {
"$accept : grammar",
"grammar :",
"grammar : grammar '\\n'",
"grammar : grammar include '\\n'",
"grammar : grammar varset '\\n'",
"grammar : grammar main '\\n'",
"grammar : grammar peer '\\n'",
"grammar : grammar rule '\\n'",
"grammar : grammar error '\\n'",
"include : INCLUDE STRING",
"varset : STRING '=' string",
"string : STRING",
"string : NUMBER",
"optnl :",
"optnl : optnl '\\n'",
"nl : '\\n' optnl",
"comma : ','",
"comma :",
"main : LISTEN ON STRING port",
"main : PRIVATE KEY FILE_ STRING",
"main : PRIVATE KEY STRING",
"main : PRIVATE KEY REDACTED",
"main : ADDRESS addresses",
"main : MTU NUMBER",
"main : LOG VERBOSE",
"main : LOG BRIEF",
"main : MAX FLOWS NUMBER",
"main : TCP '{' optnl tcpopts '}'",
"main : UDP '{' optnl udpopts '}'",
"port :",
"port : PORT NUMBER",
"addresses : address",
"addresses : '{' optnl address_l '}'",
"address_l : address optnl",
"address_l : address_l comma address optnl",
"address : STRING",
"tcpopts : tcpopt",
"tcpopts : tcpopts optcomma tcpopt",
"tcpopts : tcpopts optcomma",
"optcomma : ','",
"optcomma : nl",
"optcomma : ',' nl",
"tcpopt : ACK DELAY NUMBER",
"udpopts : udpopt",
"udpopts : udpopts optcomma udpopt",
"udpopts : udpopts optcomma",
"udpopt : TIMEOUT NUMBER",
"$$1 :",
"peer : PEER STRING $$1 '{' optnl peeropts '}'",
"peeropts :",
"peeropts : peeropts peeropt nl",
"peeropts : peeropts peeropt",
"peeropt : PUBLIC KEY STRING",
"peeropt : PRESHARED KEY FILE_ STRING",
"peeropt : PRESHARED KEY STRING",
"peeropt : PRESHARED KEY REDACTED",
"peeropt : ALLOWED IPS allowedips",
"peeropt : ENDPOINT STRING port",
"peeropt : PERSISTENT KEEPALIVE NUMBER",
"peeropt : MAX FLOWS NUMBER",
"allowedips : allowedip",
"allowedips : '{' optnl '}'",
"allowedips : '{' optnl allowedip_l '}'",
"allowedip_l : allowedip optnl",
"allowedip_l : allowedip_l comma allowedip optnl",
"allowedip : STRING",
"$$2 :",
"rule : action quick from proto $$2 to",
"action : PASS",
"action : BLOCK",
"quick :",
"quick : QUICK",
"from :",
"from : FROM ANY",
"from : FROM PEER STRING",
"from : FROM STRING",
"proto :",
"proto : PROTO TCP",
"proto : PROTO UDP",
"proto : PROTO STRING",
"to :",
"to : TO dest portspec",
"dest : ANY",
"dest : PRIVATE",
"dest : STRING",
"portspec :",
"portspec : PORT NUMBER",
"portspec : PORT STRING",

};
#endif

#if YYDEBUG
int      yydebug;
#endif

int      yyerrflag;
int      yychar;
YYSTYPE  yyval;
YYSTYPE  yylval;
int      yynerrs;

#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
YYLTYPE  yyloc; /* position returned by actions */
YYLTYPE  yylloc; /* position from the lexer */
#endif

#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
#ifndef YYLLOC_DEFAULT
#define YYLLOC_DEFAULT(loc, rhs, n) \
do \
{ \
    if (n == 0) \
    { \
        (loc).first_line   = YYRHSLOC(rhs, 0).last_line; \
        (loc).first_column = YYRHSLOC(rhs, 0).last_column; \
        (loc).last_line    = YYRHSLOC(rhs, 0).last_line; \
        (loc).last_column  = YYRHSLOC(rhs, 0).last_column; \
    } \
    else \
    { \
        (loc).first_line   = YYRHSLOC(rhs, 1).first_line; \
        (loc).first_column = YYRHSLOC(rhs, 1).first_column; \
        (loc).last_line    = YYRHSLOC(rhs, n).last_line; \
        (loc).last_column  = YYRHSLOC(rhs, n).last_column; \
    } \
} while (0)
#endif /* YYLLOC_DEFAULT */
#endif /* defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED) */
#if YYBTYACC

#ifndef YYLVQUEUEGROWTH
#define YYLVQUEUEGROWTH 32
#endif
#endif /* YYBTYACC */

/* define the initial stack-sizes */
#ifdef YYSTACKSIZE
#undef YYMAXDEPTH
#define YYMAXDEPTH  YYSTACKSIZE
#else
#ifdef YYMAXDEPTH
#define YYSTACKSIZE YYMAXDEPTH
#else
#define YYSTACKSIZE 10000
#define YYMAXDEPTH  10000
#endif
#endif

#ifndef YYINITSTACKSIZE
#define YYINITSTACKSIZE 200
#endif

typedef struct {
    unsigned stacksize;
    YYINT    *s_base;
    YYINT    *s_mark;
    YYINT    *s_last;
    YYSTYPE  *l_base;
    YYSTYPE  *l_mark;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    YYLTYPE  *p_base;
    YYLTYPE  *p_mark;
#endif
} YYSTACKDATA;
#if YYBTYACC

struct YYParseState_s
{
    struct YYParseState_s *save;    /* Previously saved parser state */
    YYSTACKDATA            yystack; /* saved parser stack */
    int                    state;   /* saved parser state */
    int                    errflag; /* saved error recovery status */
    int                    lexeme;  /* saved index of the conflict lexeme in the lexical queue */
    YYINT                  ctry;    /* saved index in yyctable[] for this conflict */
};
typedef struct YYParseState_s YYParseState;
#endif /* YYBTYACC */
/* variables for the parser stack */
static YYSTACKDATA yystack;
#if YYBTYACC

/* Current parser state */
static YYParseState *yyps = 0;

/* yypath != NULL: do the full parse, starting at *yypath parser state. */
static YYParseState *yypath = 0;

/* Base of the lexical value queue */
static YYSTYPE *yylvals = 0;

/* Current position at lexical value queue */
static YYSTYPE *yylvp = 0;

/* End position of lexical value queue */
static YYSTYPE *yylve = 0;

/* The last allocated position at the lexical value queue */
static YYSTYPE *yylvlim = 0;

#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
/* Base of the lexical position queue */
static YYLTYPE *yylpsns = 0;

/* Current position at lexical position queue */
static YYLTYPE *yylpp = 0;

/* End position of lexical position queue */
static YYLTYPE *yylpe = 0;

/* The last allocated position at the lexical position queue */
static YYLTYPE *yylplim = 0;
#endif

/* Current position at lexical token queue */
static YYINT  *yylexp = 0;

static YYINT  *yylexemes = 0;
#endif /* YYBTYACC */
#line 486 "wgslirpd/parse.y"

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
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
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
		{ "delay",	DELAY },
		{ "endpoint",	ENDPOINT },
		{ "file",	FILE_ },
		{ "flows",	FLOWS },
		{ "from",	FROM },
		{ "include",	INCLUDE },
		{ "ips",	IPS },
		{ "keepalive",	KEEPALIVE },
		{ "key",	KEY },
		{ "listen",	LISTEN },
		{ "log",	LOG },
		{ "max",	MAX },
		{ "mtu",	MTU },
		{ "on",		ON },
		{ "pass",	PASS },
		{ "peer",	PEER },
		{ "persistent",	PERSISTENT },
		{ "port",	PORT },
		{ "preshared",	PRESHARED },
		{ "private",	PRIVATE },
		{ "proto",	PROTO },
		{ "public",	PUBLIC },
		{ "quick",	QUICK },
		{ "redacted",	REDACTED },
		{ "tcp",	TCP },
		{ "timeout",	TIMEOUT },
		{ "to",		TO },
		{ "udp",	UDP },
		{ "verbose",	VERBOSE }
	};
	const struct keyword		*k;

	k = bsearch(s, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), kw_cmp);
	return (k != NULL ? k->token : STRING);
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
		file->pushed = NULL;
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

	file->pushed = NULL;
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
	file->pushed = value;
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
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 ||
	    fstat(fd, &st) == -1) {
		report(path, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	/* whoever can write it decides where everything goes */
	if (st.st_mode & (S_IWGRP | S_IWOTH) && S_ISREG(st.st_mode)) {
		report(path, "is writable by group or others");
		close(fd);
		return (-1);
	}
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
			    "%s:%d: %s", path, topfile->lineno, what);
		else
			strlcpy(first_error, what, sizeof(first_error));
		log_warnx("%s", first_error);
	}
	TAILQ_REMOVE(&files, topfile, entry);
	nfiles--;
	free(topfile->name);
	free(topfile);
	file = topfile = NULL;
	free(rule);
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
		free(s->value);
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
#line 1222 "wgslirpd/parse.c"

/* For use in generated program */
#define yydepth (int)(yystack.s_mark - yystack.s_base)
#if YYBTYACC
#define yytrial (yyps->save)
#endif /* YYBTYACC */

#if YYDEBUG
#include <stdio.h>	/* needed for printf */
#endif

#include <stdlib.h>	/* needed for malloc, etc */
#include <string.h>	/* needed for memset */

/* allocate initial stack or double stack size, up to YYMAXDEPTH */
static int yygrowstack(YYSTACKDATA *data)
{
    int i;
    unsigned newsize;
    YYINT *newss;
    YYSTYPE *newvs;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    YYLTYPE *newps;
#endif

    if ((newsize = data->stacksize) == 0)
        newsize = YYINITSTACKSIZE;
    else if (newsize >= YYMAXDEPTH)
        return YYENOMEM;
    else if ((newsize *= 2) > YYMAXDEPTH)
        newsize = YYMAXDEPTH;

    i = (int) (data->s_mark - data->s_base);
    newss = (YYINT *)realloc(data->s_base, newsize * sizeof(*newss));
    if (newss == 0)
        return YYENOMEM;

    data->s_base = newss;
    data->s_mark = newss + i;

    newvs = (YYSTYPE *)realloc(data->l_base, newsize * sizeof(*newvs));
    if (newvs == 0)
        return YYENOMEM;

    data->l_base = newvs;
    data->l_mark = newvs + i;

#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    newps = (YYLTYPE *)realloc(data->p_base, newsize * sizeof(*newps));
    if (newps == 0)
        return YYENOMEM;

    data->p_base = newps;
    data->p_mark = newps + i;
#endif

    data->stacksize = newsize;
    data->s_last = data->s_base + newsize - 1;

#if YYDEBUG
    if (yydebug)
        fprintf(stderr, "%sdebug: stack size increased to %d\n", YYPREFIX, newsize);
#endif
    return 0;
}

#if YYPURE || defined(YY_NO_LEAKS)
static void yyfreestack(YYSTACKDATA *data)
{
    free(data->s_base);
    free(data->l_base);
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    free(data->p_base);
#endif
    memset(data, 0, sizeof(*data));
}
#else
#define yyfreestack(data) /* nothing */
#endif /* YYPURE || defined(YY_NO_LEAKS) */
#if YYBTYACC

static YYParseState *
yyNewState(unsigned size)
{
    YYParseState *p = (YYParseState *) malloc(sizeof(YYParseState));
    if (p == NULL) return NULL;

    p->yystack.stacksize = size;
    if (size == 0)
    {
        p->yystack.s_base = NULL;
        p->yystack.l_base = NULL;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        p->yystack.p_base = NULL;
#endif
        return p;
    }
    p->yystack.s_base    = (YYINT *) malloc(size * sizeof(YYINT));
    if (p->yystack.s_base == NULL) return NULL;
    p->yystack.l_base    = (YYSTYPE *) malloc(size * sizeof(YYSTYPE));
    if (p->yystack.l_base == NULL) return NULL;
    memset(p->yystack.l_base, 0, size * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    p->yystack.p_base    = (YYLTYPE *) malloc(size * sizeof(YYLTYPE));
    if (p->yystack.p_base == NULL) return NULL;
    memset(p->yystack.p_base, 0, size * sizeof(YYLTYPE));
#endif

    return p;
}

static void
yyFreeState(YYParseState *p)
{
    yyfreestack(&p->yystack);
    free(p);
}
#endif /* YYBTYACC */

#define YYABORT  goto yyabort
#define YYREJECT goto yyabort
#define YYACCEPT goto yyaccept
#define YYERROR  goto yyerrlab
#if YYBTYACC
#define YYVALID        do { if (yyps->save)            goto yyvalid; } while(0)
#define YYVALID_NESTED do { if (yyps->save && \
                                yyps->save->save == 0) goto yyvalid; } while(0)
#endif /* YYBTYACC */

int
YYPARSE_DECL()
{
    int yym, yyn, yystate, yyresult;
#if YYBTYACC
    int yynewerrflag;
    YYParseState *yyerrctx = NULL;
#endif /* YYBTYACC */
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    YYLTYPE  yyerror_loc_range[3]; /* position of error start/end (0 unused) */
#endif
#if YYDEBUG
    const char *yys;

    if ((yys = getenv("YYDEBUG")) != 0)
    {
        yyn = *yys;
        if (yyn >= '0' && yyn <= '9')
            yydebug = yyn - '0';
    }
    if (yydebug)
        fprintf(stderr, "%sdebug[<# of symbols on state stack>]\n", YYPREFIX);
#endif
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    memset(yyerror_loc_range, 0, sizeof(yyerror_loc_range));
#endif

#if YYBTYACC
    yyps = yyNewState(0); if (yyps == 0) goto yyenomem;
    yyps->save = 0;
#endif /* YYBTYACC */
    yym = 0;
    /* yyn is set below */
    yynerrs = 0;
    yyerrflag = 0;
    yychar = YYEMPTY;
    yystate = 0;

#if YYPURE
    memset(&yystack, 0, sizeof(yystack));
#endif

    if (yystack.s_base == NULL && yygrowstack(&yystack) == YYENOMEM) goto yyoverflow;
    yystack.s_mark = yystack.s_base;
    yystack.l_mark = yystack.l_base;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yystack.p_mark = yystack.p_base;
#endif
    yystate = 0;
    *yystack.s_mark = 0;

yyloop:
    if ((yyn = yydefred[yystate]) != 0) goto yyreduce;
    if (yychar < 0)
    {
#if YYBTYACC
        do {
        if (yylvp < yylve)
        {
            /* we're currently re-reading tokens */
            yylval = *yylvp++;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            yylloc = *yylpp++;
#endif
            yychar = *yylexp++;
            break;
        }
        if (yyps->save)
        {
            /* in trial mode; save scanner results for future parse attempts */
            if (yylvp == yylvlim)
            {   /* Enlarge lexical value queue */
                size_t p = (size_t) (yylvp - yylvals);
                size_t s = (size_t) (yylvlim - yylvals);

                s += YYLVQUEUEGROWTH;
                if ((yylexemes = (YYINT *)realloc(yylexemes, s * sizeof(YYINT))) == NULL) goto yyenomem;
                if ((yylvals   = (YYSTYPE *)realloc(yylvals, s * sizeof(YYSTYPE))) == NULL) goto yyenomem;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                if ((yylpsns   = (YYLTYPE *)realloc(yylpsns, s * sizeof(YYLTYPE))) == NULL) goto yyenomem;
#endif
                yylvp   = yylve = yylvals + p;
                yylvlim = yylvals + s;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                yylpp   = yylpe = yylpsns + p;
                yylplim = yylpsns + s;
#endif
                yylexp  = yylexemes + p;
            }
            *yylexp = (YYINT) YYLEX;
            *yylvp++ = yylval;
            yylve++;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            *yylpp++ = yylloc;
            yylpe++;
#endif
            yychar = *yylexp++;
            break;
        }
        /* normal operation, no conflict encountered */
#endif /* YYBTYACC */
        yychar = YYLEX;
#if YYBTYACC
        } while (0);
#endif /* YYBTYACC */
        if (yychar < 0) yychar = YYEOF;
#if YYDEBUG
        if (yydebug)
        {
            if ((yys = yyname[YYTRANSLATE(yychar)]) == NULL) yys = yyname[YYUNDFTOKEN];
            fprintf(stderr, "%s[%d]: state %d, reading token %d (%s)",
                            YYDEBUGSTR, yydepth, yystate, yychar, yys);
#ifdef YYSTYPE_TOSTRING
#if YYBTYACC
            if (!yytrial)
#endif /* YYBTYACC */
                fprintf(stderr, " <%s>", YYSTYPE_TOSTRING(yychar, yylval));
#endif
            fputc('\n', stderr);
        }
#endif
    }
#if YYBTYACC

    /* Do we have a conflict? */
    if (((yyn = yycindex[yystate]) != 0) && (yyn += yychar) >= 0 &&
        yyn <= YYTABLESIZE && yycheck[yyn] == (YYINT) yychar)
    {
        YYINT ctry;

        if (yypath)
        {
            YYParseState *save;
#if YYDEBUG
            if (yydebug)
                fprintf(stderr, "%s[%d]: CONFLICT in state %d: following successful trial parse\n",
                                YYDEBUGSTR, yydepth, yystate);
#endif
            /* Switch to the next conflict context */
            save = yypath;
            yypath = save->save;
            save->save = NULL;
            ctry = save->ctry;
            if (save->state != yystate) YYABORT;
            yyFreeState(save);

        }
        else
        {

            /* Unresolved conflict - start/continue trial parse */
            YYParseState *save;
#if YYDEBUG
            if (yydebug)
            {
                fprintf(stderr, "%s[%d]: CONFLICT in state %d. ", YYDEBUGSTR, yydepth, yystate);
                if (yyps->save)
                    fputs("ALREADY in conflict, continuing trial parse.\n", stderr);
                else
                    fputs("Starting trial parse.\n", stderr);
            }
#endif
            save                  = yyNewState((unsigned)(yystack.s_mark - yystack.s_base + 1));
            if (save == NULL) goto yyenomem;
            save->save            = yyps->save;
            save->state           = yystate;
            save->errflag         = yyerrflag;
            save->yystack.s_mark  = save->yystack.s_base + (yystack.s_mark - yystack.s_base);
            memcpy (save->yystack.s_base, yystack.s_base, (size_t) (yystack.s_mark - yystack.s_base + 1) * sizeof(YYINT));
            save->yystack.l_mark  = save->yystack.l_base + (yystack.l_mark - yystack.l_base);
            memcpy (save->yystack.l_base, yystack.l_base, (size_t) (yystack.l_mark - yystack.l_base + 1) * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            save->yystack.p_mark  = save->yystack.p_base + (yystack.p_mark - yystack.p_base);
            memcpy (save->yystack.p_base, yystack.p_base, (size_t) (yystack.p_mark - yystack.p_base + 1) * sizeof(YYLTYPE));
#endif
            ctry                  = yytable[yyn];
            if (yyctable[ctry] == -1)
            {
#if YYDEBUG
                if (yydebug && yychar >= YYEOF)
                    fprintf(stderr, "%s[%d]: backtracking 1 token\n", YYDEBUGSTR, yydepth);
#endif
                ctry++;
            }
            save->ctry = ctry;
            if (yyps->save == NULL)
            {
                /* If this is a first conflict in the stack, start saving lexemes */
                if (!yylexemes)
                {
                    yylexemes = (YYINT *) malloc((YYLVQUEUEGROWTH) * sizeof(YYINT));
                    if (yylexemes == NULL) goto yyenomem;
                    yylvals   = (YYSTYPE *) malloc((YYLVQUEUEGROWTH) * sizeof(YYSTYPE));
                    if (yylvals == NULL) goto yyenomem;
                    yylvlim   = yylvals + YYLVQUEUEGROWTH;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                    yylpsns   = (YYLTYPE *) malloc((YYLVQUEUEGROWTH) * sizeof(YYLTYPE));
                    if (yylpsns == NULL) goto yyenomem;
                    yylplim   = yylpsns + YYLVQUEUEGROWTH;
#endif
                }
                if (yylvp == yylve)
                {
                    yylvp  = yylve = yylvals;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                    yylpp  = yylpe = yylpsns;
#endif
                    yylexp = yylexemes;
                    if (yychar >= YYEOF)
                    {
                        *yylve++ = yylval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                        *yylpe++ = yylloc;
#endif
                        *yylexp  = (YYINT) yychar;
                        yychar   = YYEMPTY;
                    }
                }
            }
            if (yychar >= YYEOF)
            {
                yylvp--;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                yylpp--;
#endif
                yylexp--;
                yychar = YYEMPTY;
            }
            save->lexeme = (int) (yylvp - yylvals);
            yyps->save   = save;
        }
        if (yytable[yyn] == ctry)
        {
#if YYDEBUG
            if (yydebug)
                fprintf(stderr, "%s[%d]: state %d, shifting to state %d\n",
                                YYDEBUGSTR, yydepth, yystate, yyctable[ctry]);
#endif
            if (yychar < 0)
            {
                yylvp++;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                yylpp++;
#endif
                yylexp++;
            }
            if (yystack.s_mark >= yystack.s_last && yygrowstack(&yystack) == YYENOMEM)
                goto yyoverflow;
            yystate = yyctable[ctry];
            *++yystack.s_mark = (YYINT) yystate;
            *++yystack.l_mark = yylval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            *++yystack.p_mark = yylloc;
#endif
            yychar  = YYEMPTY;
            if (yyerrflag > 0) --yyerrflag;
            goto yyloop;
        }
        else
        {
            yyn = yyctable[ctry];
            goto yyreduce;
        }
    } /* End of code dealing with conflicts */
#endif /* YYBTYACC */
    if (((yyn = yysindex[yystate]) != 0) && (yyn += yychar) >= 0 &&
            yyn <= YYTABLESIZE && yycheck[yyn] == (YYINT) yychar)
    {
#if YYDEBUG
        if (yydebug)
            fprintf(stderr, "%s[%d]: state %d, shifting to state %d\n",
                            YYDEBUGSTR, yydepth, yystate, yytable[yyn]);
#endif
        if (yystack.s_mark >= yystack.s_last && yygrowstack(&yystack) == YYENOMEM) goto yyoverflow;
        yystate = yytable[yyn];
        *++yystack.s_mark = yytable[yyn];
        *++yystack.l_mark = yylval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        *++yystack.p_mark = yylloc;
#endif
        yychar = YYEMPTY;
        if (yyerrflag > 0)  --yyerrflag;
        goto yyloop;
    }
    if (((yyn = yyrindex[yystate]) != 0) && (yyn += yychar) >= 0 &&
            yyn <= YYTABLESIZE && yycheck[yyn] == (YYINT) yychar)
    {
        yyn = yytable[yyn];
        goto yyreduce;
    }
    if (yyerrflag != 0) goto yyinrecovery;
#if YYBTYACC

    yynewerrflag = 1;
    goto yyerrhandler;
    goto yyerrlab; /* redundant goto avoids 'unused label' warning */

yyerrlab:
    /* explicit YYERROR from an action -- pop the rhs of the rule reduced
     * before looking for error recovery */
    yystack.s_mark -= yym;
    yystate = *yystack.s_mark;
    yystack.l_mark -= yym;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yystack.p_mark -= yym;
#endif

    yynewerrflag = 0;
yyerrhandler:
    while (yyps->save)
    {
        int ctry;
        YYParseState *save = yyps->save;
#if YYDEBUG
        if (yydebug)
            fprintf(stderr, "%s[%d]: ERROR in state %d, CONFLICT BACKTRACKING to state %d, %d tokens\n",
                            YYDEBUGSTR, yydepth, yystate, yyps->save->state,
                    (int)(yylvp - yylvals - yyps->save->lexeme));
#endif
        /* Memorize most forward-looking error state in case it's really an error. */
        if (yyerrctx == NULL || yyerrctx->lexeme < yylvp - yylvals)
        {
            /* Free old saved error context state */
            if (yyerrctx) yyFreeState(yyerrctx);
            /* Create and fill out new saved error context state */
            yyerrctx                 = yyNewState((unsigned)(yystack.s_mark - yystack.s_base + 1));
            if (yyerrctx == NULL) goto yyenomem;
            yyerrctx->save           = yyps->save;
            yyerrctx->state          = yystate;
            yyerrctx->errflag        = yyerrflag;
            yyerrctx->yystack.s_mark = yyerrctx->yystack.s_base + (yystack.s_mark - yystack.s_base);
            memcpy (yyerrctx->yystack.s_base, yystack.s_base, (size_t) (yystack.s_mark - yystack.s_base + 1) * sizeof(YYINT));
            yyerrctx->yystack.l_mark = yyerrctx->yystack.l_base + (yystack.l_mark - yystack.l_base);
            memcpy (yyerrctx->yystack.l_base, yystack.l_base, (size_t) (yystack.l_mark - yystack.l_base + 1) * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            yyerrctx->yystack.p_mark = yyerrctx->yystack.p_base + (yystack.p_mark - yystack.p_base);
            memcpy (yyerrctx->yystack.p_base, yystack.p_base, (size_t) (yystack.p_mark - yystack.p_base + 1) * sizeof(YYLTYPE));
#endif
            yyerrctx->lexeme         = (int) (yylvp - yylvals);
        }
        yylvp          = yylvals   + save->lexeme;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        yylpp          = yylpsns   + save->lexeme;
#endif
        yylexp         = yylexemes + save->lexeme;
        yychar         = YYEMPTY;
        yystack.s_mark = yystack.s_base + (save->yystack.s_mark - save->yystack.s_base);
        memcpy (yystack.s_base, save->yystack.s_base, (size_t) (yystack.s_mark - yystack.s_base + 1) * sizeof(YYINT));
        yystack.l_mark = yystack.l_base + (save->yystack.l_mark - save->yystack.l_base);
        memcpy (yystack.l_base, save->yystack.l_base, (size_t) (yystack.l_mark - yystack.l_base + 1) * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        yystack.p_mark = yystack.p_base + (save->yystack.p_mark - save->yystack.p_base);
        memcpy (yystack.p_base, save->yystack.p_base, (size_t) (yystack.p_mark - yystack.p_base + 1) * sizeof(YYLTYPE));
#endif
        ctry           = ++save->ctry;
        yystate        = save->state;
        /* We tried shift, try reduce now */
        if ((yyn = yyctable[ctry]) >= 0) goto yyreduce;
        yyps->save     = save->save;
        save->save     = NULL;
        yyFreeState(save);

        /* Nothing left on the stack -- error */
        if (!yyps->save)
        {
#if YYDEBUG
            if (yydebug)
                fprintf(stderr, "%sdebug[%d,trial]: trial parse FAILED, entering ERROR mode\n",
                                YYPREFIX, yydepth);
#endif
            /* Restore state as it was in the most forward-advanced error */
            yylvp          = yylvals   + yyerrctx->lexeme;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            yylpp          = yylpsns   + yyerrctx->lexeme;
#endif
            yylexp         = yylexemes + yyerrctx->lexeme;
            yychar         = yylexp[-1];
            yylval         = yylvp[-1];
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            yylloc         = yylpp[-1];
#endif
            yystack.s_mark = yystack.s_base + (yyerrctx->yystack.s_mark - yyerrctx->yystack.s_base);
            memcpy (yystack.s_base, yyerrctx->yystack.s_base, (size_t) (yystack.s_mark - yystack.s_base + 1) * sizeof(YYINT));
            yystack.l_mark = yystack.l_base + (yyerrctx->yystack.l_mark - yyerrctx->yystack.l_base);
            memcpy (yystack.l_base, yyerrctx->yystack.l_base, (size_t) (yystack.l_mark - yystack.l_base + 1) * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            yystack.p_mark = yystack.p_base + (yyerrctx->yystack.p_mark - yyerrctx->yystack.p_base);
            memcpy (yystack.p_base, yyerrctx->yystack.p_base, (size_t) (yystack.p_mark - yystack.p_base + 1) * sizeof(YYLTYPE));
#endif
            yystate        = yyerrctx->state;
            yyFreeState(yyerrctx);
            yyerrctx       = NULL;
        }
        yynewerrflag = 1;
    }
    if (yynewerrflag == 0) goto yyinrecovery;
#endif /* YYBTYACC */

    YYERROR_CALL("syntax error");
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yyerror_loc_range[1] = yylloc; /* lookahead position is error start position */
#endif

#if !YYBTYACC
    goto yyerrlab; /* redundant goto avoids 'unused label' warning */
yyerrlab:
#endif
    ++yynerrs;

yyinrecovery:
    if (yyerrflag < 3)
    {
        yyerrflag = 3;
        for (;;)
        {
            if (((yyn = yysindex[*yystack.s_mark]) != 0) && (yyn += YYERRCODE) >= 0 &&
                    yyn <= YYTABLESIZE && yycheck[yyn] == (YYINT) YYERRCODE)
            {
#if YYDEBUG
                if (yydebug)
                    fprintf(stderr, "%s[%d]: state %d, error recovery shifting to state %d\n",
                                    YYDEBUGSTR, yydepth, *yystack.s_mark, yytable[yyn]);
#endif
                if (yystack.s_mark >= yystack.s_last && yygrowstack(&yystack) == YYENOMEM) goto yyoverflow;
                yystate = yytable[yyn];
                *++yystack.s_mark = yytable[yyn];
                *++yystack.l_mark = yylval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                /* lookahead position is error end position */
                yyerror_loc_range[2] = yylloc;
                YYLLOC_DEFAULT(yyloc, yyerror_loc_range, 2); /* position of error span */
                *++yystack.p_mark = yyloc;
#endif
                goto yyloop;
            }
            else
            {
#if YYDEBUG
                if (yydebug)
                    fprintf(stderr, "%s[%d]: error recovery discarding state %d\n",
                                    YYDEBUGSTR, yydepth, *yystack.s_mark);
#endif
                if (yystack.s_mark <= yystack.s_base) goto yyabort;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                /* the current TOS position is the error start position */
                yyerror_loc_range[1] = *yystack.p_mark;
#endif
#if defined(YYDESTRUCT_CALL)
#if YYBTYACC
                if (!yytrial)
#endif /* YYBTYACC */
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                    YYDESTRUCT_CALL("error: discarding state",
                                    yystos[*yystack.s_mark], yystack.l_mark, yystack.p_mark);
#else
                    YYDESTRUCT_CALL("error: discarding state",
                                    yystos[*yystack.s_mark], yystack.l_mark);
#endif /* defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED) */
#endif /* defined(YYDESTRUCT_CALL) */
                --yystack.s_mark;
                --yystack.l_mark;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                --yystack.p_mark;
#endif
            }
        }
    }
    else
    {
        if (yychar == YYEOF) goto yyabort;
#if YYDEBUG
        if (yydebug)
        {
            if ((yys = yyname[YYTRANSLATE(yychar)]) == NULL) yys = yyname[YYUNDFTOKEN];
            fprintf(stderr, "%s[%d]: state %d, error recovery discarding token %d (%s)\n",
                            YYDEBUGSTR, yydepth, yystate, yychar, yys);
        }
#endif
#if defined(YYDESTRUCT_CALL)
#if YYBTYACC
        if (!yytrial)
#endif /* YYBTYACC */
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
            YYDESTRUCT_CALL("error: discarding token", yychar, &yylval, &yylloc);
#else
            YYDESTRUCT_CALL("error: discarding token", yychar, &yylval);
#endif /* defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED) */
#endif /* defined(YYDESTRUCT_CALL) */
        yychar = YYEMPTY;
        goto yyloop;
    }

yyreduce:
    yym = yylen[yyn];
#if YYDEBUG
    if (yydebug)
    {
        fprintf(stderr, "%s[%d]: state %d, reducing by rule %d (%s)",
                        YYDEBUGSTR, yydepth, yystate, yyn, yyrule[yyn]);
#ifdef YYSTYPE_TOSTRING
#if YYBTYACC
        if (!yytrial)
#endif /* YYBTYACC */
            if (yym > 0)
            {
                int i;
                fputc('<', stderr);
                for (i = yym; i > 0; i--)
                {
                    if (i != yym) fputs(", ", stderr);
                    fputs(YYSTYPE_TOSTRING(yystos[yystack.s_mark[1-i]],
                                           yystack.l_mark[1-i]), stderr);
                }
                fputc('>', stderr);
            }
#endif
        fputc('\n', stderr);
    }
#endif
    if (yym > 0)
        yyval = yystack.l_mark[1-yym];
    else
        memset(&yyval, 0, sizeof yyval);
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)

    /* Perform position reduction */
    memset(&yyloc, 0, sizeof(yyloc));
#if YYBTYACC
    if (!yytrial)
#endif /* YYBTYACC */
    {
        YYLLOC_DEFAULT(yyloc, &yystack.p_mark[-yym], yym);
        /* just in case YYERROR is invoked within the action, save
           the start of the rhs as the error start position */
        yyerror_loc_range[1] = yystack.p_mark[1-yym];
    }
#endif

    switch (yyn)
    {
case 8:
#line 121 "wgslirpd/parse.y"
	{ errors++; }
#line 1895 "wgslirpd/parse.c"
break;
case 9:
#line 124 "wgslirpd/parse.y"
	{
			if (pushfile(yystack.l_mark[0].v.string, 0) == -1) {
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
		}
#line 1906 "wgslirpd/parse.c"
break;
case 10:
#line 133 "wgslirpd/parse.y"
	{
			const char	*s;

			for (s = yystack.l_mark[-2].v.string; *s != '\0'; s++) {
				if (isalnum((unsigned char)*s) || *s == '_')
					continue;
				yyerror("a macro name has letters, digits "
				    "and _ only");
				free(yystack.l_mark[-2].v.string);
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			if (symset(yystack.l_mark[-2].v.string, yystack.l_mark[0].v.string, 0) == -1)
				fatal("macro");
			free(yystack.l_mark[-2].v.string);
			freezero(yystack.l_mark[0].v.string, strlen(yystack.l_mark[0].v.string));
		}
#line 1927 "wgslirpd/parse.c"
break;
case 12:
#line 153 "wgslirpd/parse.y"
	{
			if (asprintf(&yyval.v.string, "%lld", (long long)yystack.l_mark[0].v.number) == -1)
				fatal(NULL);
		}
#line 1935 "wgslirpd/parse.c"
break;
case 18:
#line 170 "wgslirpd/parse.y"
	{
			struct ipaddr	 ip, *p = NULL;

			if (strcmp(yystack.l_mark[-1].v.string, "*") != 0) {
				p = &ip;
				if (ipaddr_parse(&ip, yystack.l_mark[-1].v.string) == -1) {
					yyerror("listen on: not an address");
					free(yystack.l_mark[-1].v.string);
					YYERROR;
				}
			}
			free(yystack.l_mark[-1].v.string);
			config_add_listen(conf, p,
			    yystack.l_mark[0].v.number == 0 ? WGSLIRPD_PORT : (uint16_t)yystack.l_mark[0].v.number);
		}
#line 1954 "wgslirpd/parse.c"
break;
case 19:
#line 185 "wgslirpd/parse.y"
	{
			if (read_key(yystack.l_mark[0].v.string, conf->key) == -1) {
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			conf->key_from = SECRET_FILE;
			free(conf->key_file);
			conf->key_file = yystack.l_mark[0].v.string;
		}
#line 1967 "wgslirpd/parse.c"
break;
case 20:
#line 194 "wgslirpd/parse.y"
	{
			if (set_key(yystack.l_mark[0].v.string, conf->key) == -1) {
				yyerror("private key: not a key");
				YYERROR;
			}
			conf->key_from = SECRET_INLINE;
		}
#line 1978 "wgslirpd/parse.c"
break;
case 21:
#line 201 "wgslirpd/parse.y"
	{
			conf->key_from = SECRET_REDACTED;
		}
#line 1985 "wgslirpd/parse.c"
break;
case 23:
#line 205 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, MTU_MIN, MTU_MAX, "mtu") == -1)
				YYERROR;
			conf->mtu = (uint16_t)yystack.l_mark[0].v.number;
		}
#line 1994 "wgslirpd/parse.c"
break;
case 24:
#line 210 "wgslirpd/parse.y"
	{ conf->verbose = 1; }
#line 1999 "wgslirpd/parse.c"
break;
case 25:
#line 211 "wgslirpd/parse.y"
	{ conf->verbose = 0; }
#line 2004 "wgslirpd/parse.c"
break;
case 26:
#line 212 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 1, 1 << 20, "max flows") == -1)
				YYERROR;
			conf->max_flows = (uint32_t)yystack.l_mark[0].v.number;
		}
#line 2013 "wgslirpd/parse.c"
break;
case 29:
#line 221 "wgslirpd/parse.y"
	{ yyval.v.number = 0; }
#line 2018 "wgslirpd/parse.c"
break;
case 30:
#line 222 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			yyval.v.number = yystack.l_mark[0].v.number;
		}
#line 2027 "wgslirpd/parse.c"
break;
case 35:
#line 237 "wgslirpd/parse.y"
	{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, yystack.l_mark[0].v.string) == -1) {
				yyerror("address: not an address/length");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
			config_add_prefix(&conf->addresses, &p);
		}
#line 2042 "wgslirpd/parse.c"
break;
case 42:
#line 260 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 0, 500, "ack delay") == -1)
				YYERROR;
			conf->ack_delay = (uint16_t)yystack.l_mark[0].v.number;
		}
#line 2051 "wgslirpd/parse.c"
break;
case 46:
#line 272 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 1, 86400, "timeout") == -1)
				YYERROR;
			conf->udp_timeout = (uint32_t)yystack.l_mark[0].v.number;
		}
#line 2060 "wgslirpd/parse.c"
break;
case 47:
#line 279 "wgslirpd/parse.y"
	{
			if (*yystack.l_mark[0].v.string == '\0' || strlen(yystack.l_mark[0].v.string) >= PEER_NAME_LEN) {
				yyerror("peer name: 1 to %d characters",
				    PEER_NAME_LEN - 1);
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			peer = config_peer_new(conf, yystack.l_mark[0].v.string);
			peer->line = file->lineno;
			if ((peer->file = strdup(file->name)) == NULL)
				fatal(NULL);
			free(yystack.l_mark[0].v.string);
		}
#line 2077 "wgslirpd/parse.c"
break;
case 48:
#line 291 "wgslirpd/parse.y"
	{
			peer = NULL;
		}
#line 2084 "wgslirpd/parse.c"
break;
case 52:
#line 301 "wgslirpd/parse.y"
	{
			if (set_key(yystack.l_mark[0].v.string, peer->public) == -1) {
				yyerror("public key: not a key");
				YYERROR;
			}
			peer->has_public = 1;
		}
#line 2095 "wgslirpd/parse.c"
break;
case 53:
#line 308 "wgslirpd/parse.y"
	{
			if (read_key(yystack.l_mark[0].v.string, peer->psk) == -1) {
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			peer->psk_from = SECRET_FILE;
			free(peer->psk_file);
			peer->psk_file = yystack.l_mark[0].v.string;
		}
#line 2108 "wgslirpd/parse.c"
break;
case 54:
#line 317 "wgslirpd/parse.y"
	{
			if (set_key(yystack.l_mark[0].v.string, peer->psk) == -1) {
				yyerror("preshared key: not a key");
				YYERROR;
			}
			peer->psk_from = SECRET_INLINE;
		}
#line 2119 "wgslirpd/parse.c"
break;
case 55:
#line 324 "wgslirpd/parse.y"
	{
			peer->psk_from = SECRET_REDACTED;
		}
#line 2126 "wgslirpd/parse.c"
break;
case 57:
#line 328 "wgslirpd/parse.y"
	{
			if (strlen(yystack.l_mark[-1].v.string) >= HOST_NAME_LEN || *yystack.l_mark[-1].v.string == '\0') {
				yyerror("endpoint: not a host name");
				free(yystack.l_mark[-1].v.string);
				YYERROR;
			}
			free(peer->ep_host);
			peer->ep_host = yystack.l_mark[-1].v.string;
			peer->ep_port = yystack.l_mark[0].v.number == 0 ? WGSLIRPD_PORT :
			    (uint16_t)yystack.l_mark[0].v.number;
		}
#line 2141 "wgslirpd/parse.c"
break;
case 58:
#line 339 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 0, UINT16_MAX,
			    "persistent keepalive") == -1)
				YYERROR;
			peer->keepalive = (uint16_t)yystack.l_mark[0].v.number;
		}
#line 2151 "wgslirpd/parse.c"
break;
case 59:
#line 345 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 1, 1 << 20, "max flows") == -1)
				YYERROR;
			peer->max_flows = (uint32_t)yystack.l_mark[0].v.number;
		}
#line 2160 "wgslirpd/parse.c"
break;
case 65:
#line 361 "wgslirpd/parse.y"
	{
			struct ipprefix	 p;

			if (ipprefix_parse(&p, yystack.l_mark[0].v.string) == -1) {
				yyerror("allowed ips: not an "
				    "address/length");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
			ipprefix_mask(&p);
			config_add_prefix(&peer->aips, &p);
		}
#line 2177 "wgslirpd/parse.c"
break;
case 66:
#line 376 "wgslirpd/parse.y"
	{
			rule->rule.proto = (uint8_t)yystack.l_mark[0].v.number;
		}
#line 2184 "wgslirpd/parse.c"
break;
case 67:
#line 378 "wgslirpd/parse.y"
	{
			if (rule->rule.port_lo != 0 ||
			    rule->rule.port_hi != UINT16_MAX) {
				if (rule->rule.proto != 0 &&
				    rule->rule.proto != IPPROTO_TCP &&
				    rule->rule.proto != IPPROTO_UDP) {
					yyerror("port needs proto tcp or "
					    "udp");
					free(rule);
					YYERROR;
				}
			}
			TAILQ_INSERT_TAIL(&conf->rules, rule, entry);
			rule = NULL;
		}
#line 2203 "wgslirpd/parse.c"
break;
case 68:
#line 395 "wgslirpd/parse.y"
	{
			if ((rule = calloc(1, sizeof(*rule))) == NULL)
				fatal(NULL);
			rule->rule.pass = 1;
			rule->rule.port_hi = UINT16_MAX;
		}
#line 2213 "wgslirpd/parse.c"
break;
case 69:
#line 401 "wgslirpd/parse.y"
	{
			if ((rule = calloc(1, sizeof(*rule))) == NULL)
				fatal(NULL);
			rule->rule.port_hi = UINT16_MAX;
		}
#line 2222 "wgslirpd/parse.c"
break;
case 71:
#line 409 "wgslirpd/parse.y"
	{ rule->rule.quick = 1; }
#line 2227 "wgslirpd/parse.c"
break;
case 74:
#line 414 "wgslirpd/parse.y"
	{
			if (strlcpy(rule->peer, yystack.l_mark[0].v.string, sizeof(rule->peer)) >=
			    sizeof(rule->peer) || *yystack.l_mark[0].v.string == '\0') {
				yyerror("from peer: not a peer's name");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
		}
#line 2240 "wgslirpd/parse.c"
break;
case 75:
#line 423 "wgslirpd/parse.y"
	{
			if (ipprefix_parse(&rule->rule.from, yystack.l_mark[0].v.string) == -1) {
				yyerror("from: not an address/length");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			ipprefix_mask(&rule->rule.from);
			free(yystack.l_mark[0].v.string);
		}
#line 2253 "wgslirpd/parse.c"
break;
case 76:
#line 434 "wgslirpd/parse.y"
	{ yyval.v.number = 0; }
#line 2258 "wgslirpd/parse.c"
break;
case 77:
#line 435 "wgslirpd/parse.y"
	{ yyval.v.number = IPPROTO_TCP; }
#line 2263 "wgslirpd/parse.c"
break;
case 78:
#line 436 "wgslirpd/parse.y"
	{ yyval.v.number = IPPROTO_UDP; }
#line 2268 "wgslirpd/parse.c"
break;
case 79:
#line 437 "wgslirpd/parse.y"
	{
			if (strcmp(yystack.l_mark[0].v.string, "icmp") == 0)
				yyval.v.number = IPPROTO_ICMP;
			else {
				yyerror("proto: tcp, udp or icmp");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
		}
#line 2282 "wgslirpd/parse.c"
break;
case 83:
#line 454 "wgslirpd/parse.y"
	{ rule->rule.private = 1; }
#line 2287 "wgslirpd/parse.c"
break;
case 84:
#line 455 "wgslirpd/parse.y"
	{
			if (ipprefix_parse(&rule->rule.to, yystack.l_mark[0].v.string) == -1) {
				yyerror("to: not an address/length");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			ipprefix_mask(&rule->rule.to);
			free(yystack.l_mark[0].v.string);
		}
#line 2300 "wgslirpd/parse.c"
break;
case 85:
#line 466 "wgslirpd/parse.y"
	{ yyval.v.number = 0; }
#line 2305 "wgslirpd/parse.c"
break;
case 86:
#line 467 "wgslirpd/parse.y"
	{
			if (get_number(yystack.l_mark[0].v.number, 1, UINT16_MAX, "port") == -1)
				YYERROR;
			rule->rule.port_lo = (uint16_t)yystack.l_mark[0].v.number;
			rule->rule.port_hi = (uint16_t)yystack.l_mark[0].v.number;
			yyval.v.number = yystack.l_mark[0].v.number;
		}
#line 2316 "wgslirpd/parse.c"
break;
case 87:
#line 474 "wgslirpd/parse.y"
	{
			if (get_port_range(yystack.l_mark[0].v.string, &rule->rule) == -1) {
				yyerror("port: not a port or low:high");
				free(yystack.l_mark[0].v.string);
				YYERROR;
			}
			free(yystack.l_mark[0].v.string);
			yyval.v.number = 1;
		}
#line 2329 "wgslirpd/parse.c"
break;
#line 2331 "wgslirpd/parse.c"
    default:
        break;
    }
    yystack.s_mark -= yym;
    yystate = *yystack.s_mark;
    yystack.l_mark -= yym;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yystack.p_mark -= yym;
#endif
    yym = yylhs[yyn];
    if (yystate == 0 && yym == 0)
    {
#if YYDEBUG
        if (yydebug)
        {
            fprintf(stderr, "%s[%d]: after reduction, ", YYDEBUGSTR, yydepth);
#ifdef YYSTYPE_TOSTRING
#if YYBTYACC
            if (!yytrial)
#endif /* YYBTYACC */
                fprintf(stderr, "result is <%s>, ", YYSTYPE_TOSTRING(yystos[YYFINAL], yyval));
#endif
            fprintf(stderr, "shifting from state 0 to final state %d\n", YYFINAL);
        }
#endif
        yystate = YYFINAL;
        *++yystack.s_mark = YYFINAL;
        *++yystack.l_mark = yyval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        *++yystack.p_mark = yyloc;
#endif
        if (yychar < 0)
        {
#if YYBTYACC
            do {
            if (yylvp < yylve)
            {
                /* we're currently re-reading tokens */
                yylval = *yylvp++;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                yylloc = *yylpp++;
#endif
                yychar = *yylexp++;
                break;
            }
            if (yyps->save)
            {
                /* in trial mode; save scanner results for future parse attempts */
                if (yylvp == yylvlim)
                {   /* Enlarge lexical value queue */
                    size_t p = (size_t) (yylvp - yylvals);
                    size_t s = (size_t) (yylvlim - yylvals);

                    s += YYLVQUEUEGROWTH;
                    if ((yylexemes = (YYINT *)realloc(yylexemes, s * sizeof(YYINT))) == NULL)
                        goto yyenomem;
                    if ((yylvals   = (YYSTYPE *)realloc(yylvals, s * sizeof(YYSTYPE))) == NULL)
                        goto yyenomem;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                    if ((yylpsns   = (YYLTYPE *)realloc(yylpsns, s * sizeof(YYLTYPE))) == NULL)
                        goto yyenomem;
#endif
                    yylvp   = yylve = yylvals + p;
                    yylvlim = yylvals + s;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                    yylpp   = yylpe = yylpsns + p;
                    yylplim = yylpsns + s;
#endif
                    yylexp  = yylexemes + p;
                }
                *yylexp = (YYINT) YYLEX;
                *yylvp++ = yylval;
                yylve++;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
                *yylpp++ = yylloc;
                yylpe++;
#endif
                yychar = *yylexp++;
                break;
            }
            /* normal operation, no conflict encountered */
#endif /* YYBTYACC */
            yychar = YYLEX;
#if YYBTYACC
            } while (0);
#endif /* YYBTYACC */
            if (yychar < 0) yychar = YYEOF;
#if YYDEBUG
            if (yydebug)
            {
                if ((yys = yyname[YYTRANSLATE(yychar)]) == NULL) yys = yyname[YYUNDFTOKEN];
                fprintf(stderr, "%s[%d]: state %d, reading token %d (%s)\n",
                                YYDEBUGSTR, yydepth, YYFINAL, yychar, yys);
            }
#endif
        }
        if (yychar == YYEOF) goto yyaccept;
        goto yyloop;
    }
    if (((yyn = yygindex[yym]) != 0) && (yyn += yystate) >= 0 &&
            yyn <= YYTABLESIZE && yycheck[yyn] == (YYINT) yystate)
        yystate = yytable[yyn];
    else
        yystate = yydgoto[yym];
#if YYDEBUG
    if (yydebug)
    {
        fprintf(stderr, "%s[%d]: after reduction, ", YYDEBUGSTR, yydepth);
#ifdef YYSTYPE_TOSTRING
#if YYBTYACC
        if (!yytrial)
#endif /* YYBTYACC */
            fprintf(stderr, "result is <%s>, ", YYSTYPE_TOSTRING(yystos[yystate], yyval));
#endif
        fprintf(stderr, "shifting from state %d to state %d\n", *yystack.s_mark, yystate);
    }
#endif
    if (yystack.s_mark >= yystack.s_last && yygrowstack(&yystack) == YYENOMEM) goto yyoverflow;
    *++yystack.s_mark = (YYINT) yystate;
    *++yystack.l_mark = yyval;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    *++yystack.p_mark = yyloc;
#endif
    goto yyloop;
#if YYBTYACC

    /* Reduction declares that this path is valid. Set yypath and do a full parse */
yyvalid:
    if (yypath) YYABORT;
    while (yyps->save)
    {
        YYParseState *save = yyps->save;
        yyps->save = save->save;
        save->save = yypath;
        yypath = save;
    }
#if YYDEBUG
    if (yydebug)
        fprintf(stderr, "%s[%d]: state %d, CONFLICT trial successful, backtracking to state %d, %d tokens\n",
                        YYDEBUGSTR, yydepth, yystate, yypath->state, (int)(yylvp - yylvals - yypath->lexeme));
#endif
    if (yyerrctx)
    {
        yyFreeState(yyerrctx);
        yyerrctx = NULL;
    }
    yylvp          = yylvals + yypath->lexeme;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yylpp          = yylpsns + yypath->lexeme;
#endif
    yylexp         = yylexemes + yypath->lexeme;
    yychar         = YYEMPTY;
    yystack.s_mark = yystack.s_base + (yypath->yystack.s_mark - yypath->yystack.s_base);
    memcpy (yystack.s_base, yypath->yystack.s_base, (size_t) (yystack.s_mark - yystack.s_base + 1) * sizeof(YYINT));
    yystack.l_mark = yystack.l_base + (yypath->yystack.l_mark - yypath->yystack.l_base);
    memcpy (yystack.l_base, yypath->yystack.l_base, (size_t) (yystack.l_mark - yystack.l_base + 1) * sizeof(YYSTYPE));
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
    yystack.p_mark = yystack.p_base + (yypath->yystack.p_mark - yypath->yystack.p_base);
    memcpy (yystack.p_base, yypath->yystack.p_base, (size_t) (yystack.p_mark - yystack.p_base + 1) * sizeof(YYLTYPE));
#endif
    yystate        = yypath->state;
    goto yyloop;
#endif /* YYBTYACC */

yyoverflow:
    YYERROR_CALL("yacc stack overflow");
#if YYBTYACC
    goto yyabort_nomem;
yyenomem:
    YYERROR_CALL("memory exhausted");
yyabort_nomem:
#endif /* YYBTYACC */
    yyresult = 2;
    goto yyreturn;

yyabort:
    yyresult = 1;
    goto yyreturn;

yyaccept:
#if YYBTYACC
    if (yyps->save) goto yyvalid;
#endif /* YYBTYACC */
    yyresult = 0;

yyreturn:
#if defined(YYDESTRUCT_CALL)
    if (yychar != YYEOF && yychar != YYEMPTY)
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        YYDESTRUCT_CALL("cleanup: discarding token", yychar, &yylval, &yylloc);
#else
        YYDESTRUCT_CALL("cleanup: discarding token", yychar, &yylval);
#endif /* defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED) */

    {
        YYSTYPE *pv;
#if defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED)
        YYLTYPE *pp;

        for (pv = yystack.l_base, pp = yystack.p_base; pv <= yystack.l_mark; ++pv, ++pp)
             YYDESTRUCT_CALL("cleanup: discarding state",
                             yystos[*(yystack.s_base + (pv - yystack.l_base))], pv, pp);
#else
        for (pv = yystack.l_base; pv <= yystack.l_mark; ++pv)
             YYDESTRUCT_CALL("cleanup: discarding state",
                             yystos[*(yystack.s_base + (pv - yystack.l_base))], pv);
#endif /* defined(YYLTYPE) || defined(YYLTYPE_IS_DECLARED) */
    }
#endif /* defined(YYDESTRUCT_CALL) */

#if YYBTYACC
    if (yyerrctx)
    {
        yyFreeState(yyerrctx);
        yyerrctx = NULL;
    }
    while (yyps)
    {
        YYParseState *save = yyps;
        yyps = save->save;
        save->save = NULL;
        yyFreeState(save);
    }
    while (yypath)
    {
        YYParseState *save = yypath;
        yypath = save->save;
        save->save = NULL;
        yyFreeState(save);
    }
#endif /* YYBTYACC */
    yyfreestack(&yystack);
    return (yyresult);
}
