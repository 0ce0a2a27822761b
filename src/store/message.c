/*-------------------------------------------------------------------------
 *
 * message.c
 *	  One message of Kafka, and what becomes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "market/rules.h"
#include "store/message.h"

void
message_judge(IngestMessage *message, int64 now, MemoryContext context)
{
	char		reason[QUOTE_ERROR_SIZE];
	const char *rule = "form";

	message->fate = MESSAGE_IS_QUOTE;
	message->code[0] = '\0';
	message->reason = NULL;
	message->is_digest = false;
	if (quote_from_message(message->value, message->value_length, &message->quote, reason) &&
		rules_accept(&message->quote, now, &rule, reason))
		return;
	message->fate = MESSAGE_IS_DEAD;
	strlcpy(message->code, rule, sizeof(message->code));
	message->reason = MemoryContextStrdup(context, reason);
}
