/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Where the extension lives in this database.
 *
 *-------------------------------------------------------------------------
 */
#include "pg_compat.h"

#include <string.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "store/catalog.h"
#include "store/transaction.h"

bool
store_catalog_find(StoreCatalog *catalog)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	memset(catalog, 0, sizeof(*catalog));
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(VNSTREAM_EXTENSION_NAME));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true,
							  NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);
		char	   *schema_name = get_namespace_name(form->extnamespace);
		bool		is_null;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(relation), &is_null);

		catalog->extension = form->oid;
		catalog->owner = form->extowner;
		catalog->schema = form->extnamespace;
		if (!is_null)
		{
			char	   *script = TextDatumGetCString(version);

			strlcpy(catalog->version, script, sizeof(catalog->version));
			pfree(script);
		}
		if (schema_name != NULL)
		{
			strlcpy(catalog->schema_name, quote_identifier(schema_name),
					sizeof(catalog->schema_name));
			pfree(schema_name);
			found = true;
		}
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

void
store_catalog_get_any(StoreCatalog *catalog)
{
	if (!store_catalog_find(catalog))
		ereport(ERROR,
				(errcode(ERRCODE_VNSTREAM_GONE),
				 errmsg("extension \"%s\" is not installed in this database",
						VNSTREAM_EXTENSION_NAME),
				 errhint("CREATE EXTENSION %s.", VNSTREAM_EXTENSION_NAME)));
}

void
store_catalog_get(StoreCatalog *catalog)
{
	store_catalog_get_any(catalog);
	if (strcmp(catalog->version, VNSTREAM_SCRIPT_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_VNSTREAM_VERSION),
				 errmsg("the script of extension \"%s\" in this database is of version %s, the library of version %s",
						VNSTREAM_EXTENSION_NAME, catalog->version, VNSTREAM_SCRIPT_VERSION),
				 strverscmp(catalog->version, VNSTREAM_SCRIPT_VERSION) < 0 ?
				 errhint("ALTER EXTENSION %s UPDATE.", VNSTREAM_EXTENSION_NAME) :
				 errhint("Install version %s on this server and restart it.", catalog->version)));
}
