-- In which zone a table's days are counted, so that no run adds to them in another one. Written by dbt_project/macros/rules/reporting_timezone.sql.
set local role transformer;

alter table ops.model_definition add column reporting_timezone text;
comment on column ops.model_definition.reporting_timezone is
'Zone whose clock the days and hours of the rows are of; null for a relation that knows no days.';

-- What was counted before this column was: the text of an index over the day says in which zone.
update ops.model_definition
set reporting_timezone = (
    select substring(pg_get_indexdef(i.indexrelid) from 'AT TIME ZONE ''([^'']+)''')
    from pg_index as i
    where i.indrelid = to_regclass('intermediate.int_orders') and pg_get_indexdef(i.indexrelid) like '%AT TIME ZONE%'
    limit 1
)
where relation like 'intermediate.%';

reset role;
