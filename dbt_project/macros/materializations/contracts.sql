{# An empty row of a contract's types. dbt's own warns that `numeric` may round; in Postgres it is exact at any length. #}
{% macro postgres__get_empty_schema_sql(columns) %}
    select
    {% for column in columns.values() %}
        cast(null as {{ column.data_type }}) as {{ column.name }} {{- ',' if not loop.last }}
    {% endfor %}
{% endmacro %}
