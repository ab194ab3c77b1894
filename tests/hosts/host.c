/* A host that is nothing but a given SQLite: host FILE EXTENSION|- SQL...
 *
 * Compiled by .ci/run with old versions of sqlite3.c, and called by tests/hosts. For each statement it
 * writes its rows, each behind "=> ", or "!! " and the error, and then "..". */
#include "sqlite3.h"
#include <stdio.h>
#include <string.h>

static int row(void *unused, int count, char **values, char **names) {
  (void)unused, (void)names;
  printf("=> ");
  for (int at = 0; at < count; at++) printf("%s%s", at ? "|" : "", values[at] ? values[at] : "NULL");
  return puts("") < 0;
}

int main(int count, char **words) {
  sqlite3 *db;
  char *error = NULL;
  if (count < 3 || sqlite3_open(words[1], &db)) return 1;
  if (strcmp(words[2], "-")) {
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, words[2], NULL, &error)) {
      printf("!! %s\n..\n", error ? error : "no text");
      return 2;
    }
    sqlite3_enable_load_extension(db, 0);
  }
  for (int at = 3; at < count; at++) {
    error = NULL;
    if (sqlite3_exec(db, words[at], row, NULL, &error)) printf("!! %s\n", error ? error : "no text");
    sqlite3_free(error);
    puts("..");
  }
  return sqlite3_close(db);
}
