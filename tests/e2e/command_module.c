/* A Redis module with a few commands that no release has. It needs no header of Redis: what it takes of the interface
 * is declared here. */
#include <stddef.h>

typedef struct Context Context;
typedef struct String String;
typedef struct CallReply CallReply;
typedef int (*Command)(Context*, String**, int);

static int (*CreateCommand)(Context*, const char*, Command, const char*, int, int, int);
static int (*ReplyWithLongLong)(Context*, long long);
static int (*ReplyWithSimpleString)(Context*, const char*);
static int (*ReplyWithCallReply)(Context*, CallReply*);
static int (*WrongArity)(Context*);
static CallReply* (*Call)(Context*, const char*, const char*, ...);
static int (*SetModuleAttribs)(Context*, const char*, int, int);

static int Put(Context* context, String** words, int count) {
  if (count != 3) return WrongArity(context);
  return ReplyWithCallReply(context, Call(context, "SET", "ss", words[1], words[2]));
}

static int Take(Context* context, String** words, int count) {
  if (count != 2) return WrongArity(context);
  return ReplyWithCallReply(context, Call(context, "GET", "s", words[1]));
}

static int Count(Context* context, String** words, int count) {
  (void)words;
  return ReplyWithLongLong(context, count - 1);
}

static int Hello(Context* context, String** words, int count) {
  (void)words;
  (void)count;
  return ReplyWithSimpleString(context, "hello");
}

int RedisModule_OnLoad(Context* context, String** words, int count) {
  int (*get_api)(const char*, void*) = ((int (**)(const char*, void*))context)[0];
  (void)words;
  get_api("RedisModule_CreateCommand", &CreateCommand);
  get_api("RedisModule_ReplyWithLongLong", &ReplyWithLongLong);
  get_api("RedisModule_ReplyWithSimpleString", &ReplyWithSimpleString);
  get_api("RedisModule_ReplyWithCallReply", &ReplyWithCallReply);
  get_api("RedisModule_WrongArity", &WrongArity);
  get_api("RedisModule_Call", &Call);
  get_api("RedisModule_SetModuleAttribs", &SetModuleAttribs);
  SetModuleAttribs(context, "demo", 1, 1);
  CreateCommand(context, "demo.put", Put, "write deny-oom", 1, 1, 1);
  CreateCommand(context, "demo.take", Take, "readonly fast", 1, 1, 1);
  CreateCommand(context, "demo.count", Count, "readonly", 1, -1, 1);
  CreateCommand(context, "demo.hello", Hello, "readonly", 0, 0, 0);
  CreateCommand(context, "demo.run", Hello, "admin", 0, 0, 0);
  CreateCommand(context, "demo.wait", Hello, "write blocking", 1, 1, 1);
  /* With an argument it has another kind of command, as another version may have. */
  CreateCommand(context, "demo.kind", Count, count > 0 ? "write" : "readonly", 1, 1, 1);
  return 0;
}
