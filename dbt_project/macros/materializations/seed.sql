{#
    Fills a seed anew behind a lock, with delete: dbt's truncate shows an empty table to readers of an older snapshot, two at once
    could fill it twice, and its --full-refresh drops the views above with cascade.
#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% set existing = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list %}
    {% if existing == agate_table.column_names | list %}
        {% set sql %}
            lock table {{ old_relation }} in share row exclusive mode;
            delete from {{ old_relation }}
        {% endset %}
        {% call statement('empty_seed') %} {{ sql }} {% endcall %}
        {% do return(sql) %}
    {% endif %}
    {% if not full_refresh %}
        {% do exceptions.raise_compiler_error(model.name ~ ': its columns changed. Run: dbt build -s ' ~ model.name ~ '+ --full-refresh') %}
    {% endif %}
    {% do return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) %}
{% endmacro %}
