{#
    What stands in the database now under a relation's name, and not in dbt's cache, which another run may have overtaken.
    Returns none, or {kind: 'table' | 'view' | 'materialized view', columns: {name: type}}.
#}
{% macro relation_in_database(relation) %}
    {% call statement('relation_in_database', fetch_result=true) %} select ({{ describe_relation(relation) }})::text {% endcall %}
    {% set found = load_result('relation_in_database').data[0][0] %}
    {% do return(fromjson(found) if found else none) %}
{% endmacro %}

{# The same as a query: one JSON value, or no row. #}
{% macro describe_relation(relation) %}
    select json_build_object(
        'kind', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
        'columns', (
            select json_object_agg(a.attname, format_type(a.atttypid, null))
            from pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        )
    )
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = '{{ relation.schema }}' and c.relname = '{{ relation.identifier }}' and c.relkind in ('r', 'p', 'v', 'm')
{% endmacro %}


{# Takes the row of a relation's definition, so that two runs do not change it at once; returns the md5 on record. #}
{% macro lock_definition(relation) %}
    {% set key = progress_key(relation) %}
    {% call statement('lock_definition', fetch_result=true, auto_begin=true) %}
        insert into ops.model_definition (relation) values ('{{ key }}') on conflict do nothing;
        select definition_md5 from ops.model_definition where relation = '{{ key }}' for update
    {% endcall %}
    {% do return(load_result('lock_definition').data[0][0]) %}
{% endmacro %}


{% macro record_definition(relation, definition) %}
    {% call statement('record_definition') %}
        update ops.model_definition
        set definition_md5 = '{{ definition }}', updated_at = clock_timestamp()
        where relation = '{{ progress_key(relation) }}'
    {% endcall %}
{% endmacro %}


{# md5 of all that makes a relation what it is: SQL, contract, keys, indexes, documentation; a database copied by name is the same. #}
{% macro definition_of(model, sql) %}
    {% set configured = in_reporting_timezone(config.get('indexes') | string ~ config.get('meta') | string) ~ storage_parameters() %}
    {% set parts = [sql, model.description, model.constraints | string, configured] %}
    {% for column in model.columns.values() %}
        {% do parts.append(column.name ~ column.data_type ~ column.description ~ column.constraints) %}
    {% endfor %}
    {% do return(local_md5(parts | join('\n') | replace('"' ~ this.database ~ '".', ''))) %}
{% endmacro %}
