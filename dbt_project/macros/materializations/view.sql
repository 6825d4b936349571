{#
    A view that people read never vanishes: dbt's own swaps it, which drops the views above it with cascade. Here it is made with
    `create or replace`, and only when its definition has changed: replacing takes a lock that readers wait for.
    All else is as dbt's own: hooks, grants, sql_header, contract, documentation; and with it a user's views stay too.
    Where columns were renamed, removed or retyped, Postgres refuses to replace; then it is dropped and made in one transaction.
    A dashboard that left a transaction open over the view is waited for in short turns, so that other readers are not held up behind
    this wait; after ten minutes the model fails, and the next refresh tries again.
#}
{% materialization view, adapter='postgres' %}
    {% set relation = this.incorporate(type='view') %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}

    {% set recorded = lock_definition(relation) %}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}

    {% do warn_of_view(model) %}
    {% set existing = relation_in_database(relation) %}
    {% set definition = definition_of(model, sql) %}
    {% if existing and existing.kind == 'view' and recorded == definition and not should_full_refresh() %}
        {% call noop_statement('main', 'UNCHANGED', 'UNCHANGED', 0) %} {% endcall %}
    {% else %}
        {% if config.get('contract').enforced %} {% do get_assert_columns_equivalent(sql) %} {% endif %}
        {% if existing and existing.kind != 'view' %}
            {% call statement('drop_other') %} drop {{ existing.kind }} {{ relation }} cascade {% endcall %}
        {% endif %}
        {% call statement('main') %} {{ config.get('sql_header') or '' }} {{ replace_view(relation, sql) }} {% endcall %}
        {% do persist_docs(relation, model) %}
        {% do record_definition(relation, definition) %}
    {% endif %}
    {% do apply_grants(relation, config.get('grants'), should_revoke=true) %}

    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {% do return({'relations': [relation]}) %}
{% endmaterialization %}


{# What a reader of the view would find out late. #}
{% macro warn_of_view(model) %}
    {% for key in model.depends_on.nodes if graph_node(key) and graph_node(key).config.materialized == 'table' %}
        {% set table = graph_node(key).name %}
        {% do exceptions.warn(
            model.name ~ ' is a view of ' ~ table ~ ', a `table`: dbt makes that anew at each run, and drops the views above it. Run both '
            ~ 'with dbt run -s ' ~ table ~ '+, or make it `incremental`.'
        ) %}
    {% endfor %}
    {% if model.constraints or model.columns.values() | selectattr('constraints') | list %}
        {% do exceptions.warn(model.name ~ ' is a view: Postgres does not hold its constraints.') %}
    {% endif %}
{% endmacro %}


{% macro replace_view(relation, sql) %}
    do $landfall_do$
    declare
        before text := current_setting('lock_timeout');
    begin
        for turn in 1..200 loop
            begin
                perform set_config('lock_timeout', '2s', true);
                begin
                    execute $landfall_view$ create or replace view {{ relation }} as {{ sql }} $landfall_view$;
                exception when invalid_table_definition then
                    raise warning 'view {{ relation.schema }}.{{ relation.identifier }}: columns changed, so it and the views above it are made anew';
                    drop view {{ relation }} cascade;
                    execute $landfall_view$ create view {{ relation }} as {{ sql }} $landfall_view$;
                end;
                perform set_config('lock_timeout', before, true);
                return;
            exception when lock_not_available then
                if turn = 200 then
                    raise exception 'view {{ relation.schema }}.{{ relation.identifier }}: somebody has read it in a transaction that is still open, for ten minutes';
                end if;
            end;
            perform pg_sleep(1);
        end loop;
    end
    $landfall_do$
{% endmacro %}
