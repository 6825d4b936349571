{#
    Fills a seed anew behind a lock, with delete: dbt's truncate shows an empty table to readers of an older snapshot, two at once
    could fill it twice, and its --full-refresh drops the views above with cascade. `--empty` leaves its rows alone.
#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {# dbt gives a seed without its rows then: what is in the table stays, as in every model #}
    {% if flags.EMPTY %}
        {# dbt commits afterwards, which asks for a transaction #}
        {% call statement('leave_seed', auto_begin=true) %} select 1 {% endcall %}
        {% do return('select 1') %}
    {% endif %}
    {% set existing = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list %}
    {% if existing == agate_table.column_names | list and not (full_refresh and seed_is_retyped(model, old_relation, agate_table)) %}
        {% do return(empty_seed(old_relation)) %}
    {% endif %}
    {% if not full_refresh %}
        {% do exceptions.raise_compiler_error(model.name ~ ': its columns changed. Run: dbt build -s ' ~ model.name ~ '+ --full-refresh') %}
    {% endif %}
    {% do return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) %}
{% endmacro %}


{# Whether column_types, or the values where these name none, give a column another type than its table has. #}
{% macro seed_is_retyped(model, relation, agate_table) %}
    {% set existing = relation_in_database(relation).columns %}
    {% for name in agate_table.column_names %}
        {% set wanted = model.config.get('column_types', {}).get(name) or adapter.convert_type(agate_table, loop.index0) %}
        {% if type_name(wanted) != existing[name] %} {% do return(true) %} {% endif %}
    {% endfor %}
    {% do return(false) %}
{% endmacro %}


{# Two first builds at once: the second finds the table made, and fills it anew like the first. #}
{% macro postgres__create_csv_table(model, agate_table) %}
    {% call statement('one_at_a_time', auto_begin=true) %}
        select pg_advisory_xact_lock(hashtextextended('landfall.seed/{{ progress_key(this) }}', 0))
    {% endcall %}
    {% if relation_in_database(this) %}
        {% do return(empty_seed(this)) %}
    {% endif %}
    {% do return(default__create_csv_table(model, agate_table)) %}
{% endmacro %}


{% macro empty_seed(relation) %}
    {% set sql %}
        lock table {{ relation }} in share row exclusive mode;
        delete from {{ relation }}
    {% endset %}
    {% call statement('empty_seed') %} {{ sql }} {% endcall %}
    {% do return(sql) %}
{% endmacro %}
