-- Rows that a model changes in place are among those that it wrote: its statements put their number into landfall.rows_changed.
set local role transformer;

create or replace function ops.execute_statements(statements text) returns bigint
language plpgsql
as $$
declare
    written bigint;
    state text; said text; details text; advice text;
    of_constraint text; of_column text; of_type text; of_table text; of_schema text;
begin
    perform set_config('landfall.rows_changed', '0', true);
    execute statements;
    get diagnostics written = row_count;
    return written + current_setting('landfall.rows_changed')::bigint;
exception when others then
    get stacked diagnostics
        state = returned_sqlstate, said = message_text, details = pg_exception_detail, advice = pg_exception_hint,
        of_constraint = constraint_name, of_column = column_name, of_type = pg_datatype_name, of_table = table_name,
        of_schema = schema_name;
    raise exception using
        errcode = state, message = said, detail = details, hint = advice,
        constraint = of_constraint, column = of_column, datatype = of_type, table = of_table, schema = of_schema;
end
$$;
comment on function ops.execute_statements is
'Executes statements, and raises what they raise without them. Rows of the last one, and those in landfall.rows_changed.';

reset role;
