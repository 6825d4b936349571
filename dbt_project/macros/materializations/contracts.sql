{#
    An empty row of a contract's types. dbt's own warns that `numeric` may round; in Postgres it is exact at any length. What else dbt's
    knows, names to be quoted and columns without a type, is left to it.
#}
{% macro postgres__get_empty_schema_sql(columns) %}
    {% if columns.values() | selectattr('quote') | list or columns.values() | rejectattr('data_type') | list %}
        {% do return(default__get_empty_schema_sql(columns)) %}
    {% endif %}
    select
    {% for column in columns.values() %}
        cast(null as {{ column.data_type }}) as {{ column.name }} {{- ',' if not loop.last }}
    {% endfor %}
{% endmacro %}
