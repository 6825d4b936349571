{#
    A table that reads each load of its streams once: `materialized='incremental_by_load'`. Beside dbt's own `incremental`, which is left
    as it is:
    - its progress is in ops.model_progress, locked first and moved in the transaction that writes the rows (progress.sql);
    - it is never swapped: a full refresh deletes and inserts in one transaction, so readers and the views above it see the old
      rows until the new ones are there;
    - what exists is asked from the database behind the lock, so two first builds follow one another;
    - what was filled from landing that `landfall retention` has dropped is the archive: a full refresh leaves it as it is;
    - days whose facts were let go stay as they were counted, also in a full refresh (let_go.sql).
    A model needs a contract with a primary key, and one of the strategies of strategies.sql. What it executes is Postgres' to run
    (scripts.sql), so that a pass needs dbt only where a model has changed.
#}
{% materialization incremental_by_load, adapter='postgres' %}
    {% set relation = this.incorporate(type='table') %}
    {% set upstreams = upstream_positions(model) %}
    {% do check_by_load(model, upstreams) %}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}

    {% set turn = take_turn(relation, upstreams) %}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}

    {% do check_buckets_have_days(model, turn.let_go) %}
    {% set filled_anew = should_full_refresh() and not is_archive(model, turn.let_go) %}
    {% do check_counted_timezone(relation, turn, filled_anew) %}
    {% set from_start = prepare_table(relation, sql, turn, upstreams, filled_anew) %}
    {% do run_script(script_of(relation, sql, upstreams), turn, from_start) %}
    {% do apply_grants(relation, config.get('grants'), should_revoke=true) %}

    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {% do return({'relations': [relation]}) %}
{% endmaterialization %}


{# Columns of the model's primary key, from its contract. #}
{% macro primary_key(model) %}
    {% for constraint in model.constraints if constraint.type == 'primary_key' %}
        {% do return(constraint.columns) %}
    {% endfor %}
    {% do return([]) %}
{% endmacro %}


{#
    Whether a full refresh leaves a table as it is: what it was filled from is not all there any more. Counts of days are filled anew as far
    as the facts go. `let_go`: see take_turn.
#}
{% macro is_archive(node, let_go) %}
    {% do return(reads_dropped_landing(node) or (let_go and node.config.incremental_strategy != 'rebuild_buckets')) %}
{% endmacro %}


{#
    Whether a model reads a landing table, itself or through views, of which partitions were dropped: what it holds of them cannot be
    read again. Asked behind the model's lock, which `landfall retention` waits for before it notes what it drops.
#}
{% macro reads_dropped_landing(node) %}
    {% for key in node.depends_on.nodes %}
        {% set parent = graph_node(key) %}
        {% if landed_stream(parent) %}
            {% if run_query("select 1 from ops.dropped_landing where stream = '" ~ parent.name ~ "' limit 1").rows %}
                {% do return(true) %}
            {% endif %}
        {% elif parent and is_looked_through(parent) and reads_dropped_landing(parent) %}
            {% do return(true) %}
        {% endif %}
    {% endfor %}
    {% do return(false) %}
{% endmacro %}


{# At a run's start, once: what a full refresh is not going to do. #}
{% macro warn_of_dropped_landing() %}
    {% if execute and flags.FULL_REFRESH %}
        {% for row in run_query('select stream, max(landed_on)::text from ops.dropped_landing group by 1 order by 1').rows %}
            {% do exceptions.warn(
                row[0] ~ ': landing up to ' ~ row[1] ~ ' was dropped (landfall retention), so the tables that are filled from it stay as'
                ~ ' they are; the marts are filled anew from them.'
            ) %}
        {% endfor %}
        {% do warn_of_let_go_facts() %}
    {% endif %}
{% endmacro %}


{# Makes the table, empties it for a full refresh, or lets it grow. `turn`: see take_turn. Returns whether nothing is in it now. #}
{% macro prepare_table(relation, sql, turn, upstreams, filled_anew) %}
    {% set existing = turn.relation %}
    {% set definition = definition_of(model, sql) %}
    {% set changed = turn.definition_md5 != definition %}
    {% if changed %} {% do check_what_it_reads(model, sql, upstreams) %} {% endif %}

    {% if existing and existing.kind != 'table' %}
        {% call statement('drop_other') %} drop {{ existing.kind }} {{ relation }} cascade {% endcall %}
        {% set existing = none %}
    {% endif %}
    {% if existing and filled_anew %}
        {% call statement('empty_table') %}
            delete from {{ relation }} {% if turn.let_go and is_counted_by_day(model) %} where not {{ is_let_go_row() }} {% endif %}
        {% endcall %}
    {% endif %}
    {% if existing and changed %}
        {% set existing = grow_table(relation, existing, filled_anew, turn.let_go) %}
    {% endif %}
    {% if not existing %}
        {% call statement('create_table') %}
            create table {{ relation }} {{ get_table_columns_and_constraints() }} {{ partition_clause() }}
        {% endcall %}
    {% endif %}
    {# not before: a model may read its own table. What fails here is rolled back with the rest #}
    {% if changed %} {% do get_assert_columns_equivalent(sql) %} {% endif %}
    {% if not existing or changed %}
        {% if storage_parameters() %}
            {% call statement('set_storage') %} alter table {{ relation }} set ({{ storage_parameters() }}) {% endcall %}
        {% endif %}
        {% do create_indexes_once(relation) %}
        {% do create_partial_indexes(relation) %}
        {% do drop_outdated_indexes(relation) %}
        {% do persist_docs(relation, model) %}
        {% do record_definition(relation, definition) %}
    {% endif %}
    {% if not existing or changed or filled_anew %} {% do create_note_triggers(relation) %} {% endif %}
    {% if not existing or filled_anew or (is_counted_by_day(model) and not turn.reporting_timezone) %}
        {% do record_counted_timezone(relation) %}
    {% endif %}
    {% do return(not existing or filled_anew) %}
{% endmacro %}


{# Of a table whose rows are changed in place: a fifth of a page is left to their new versions, which then need no index entries. #}
{% macro storage_parameters() -%}
    {%- if config.get('incremental_strategy') == 'rebuild_buckets' %}fillfactor = 80{% endif -%}
{%- endmacro %}


{#
    Adds the columns that the contract has gained. Other differences need a full refresh, which then makes the table anew, and the
    views above it with their models. Returns what exists, or none when the table was dropped.
#}
{% macro grow_table(relation, existing, filled_anew, let_go) %}
    {% set kept = [] %}
    {% set added = [] %}
    {% for column in model.columns.values() %}
        {% if column.name not in existing.columns %} {% do added.append(loop.index0) %}
        {% elif type_name(column.data_type) == existing.columns[column.name] %} {% do kept.append(column.name) %} {% endif %}
    {% endfor %}
    {% if kept | length == existing.columns | length %}
        {% set definitions = adapter.render_raw_columns_constraints(raw_columns=model.columns) %}
        {% for index in added %}
            {% call statement('add_column') %} alter table {{ relation }} add column {{ definitions[index] }} {% endcall %}
        {% endfor %}
        {% if added and not filled_anew %}
            {% do work_out(relation, added) %}
            {% do request_backfill(relation, added) %}
        {% endif %}
        {% do return(existing) %}
    {% endif %}
    {% if filled_anew and let_go and is_counted_by_day(model) %}
        {% do exceptions.raise_compiler_error(
            relation ~ ': columns were removed or retyped since it was made, and facts that it was counted from were let go. Change its'
            ~ ' columns by hand (alter table), as its contract has them.'
        ) %}
    {% endif %}
    {% if filled_anew %}
        {% do exceptions.warn(relation ~ ': columns were removed or retyped, so it and the views above it are made anew') %}
        {% call statement('drop_table') %} drop table {{ relation }} cascade {% endcall %}
        {% do return(none) %}
    {% endif %}
    {% if should_full_refresh() %}
        {% do exceptions.raise_compiler_error(
            relation ~ ': columns were removed or retyped since it was made, and landing that it was filled from is dropped. Change its'
            ~ ' columns by hand (alter table), as its contract has them.'
        ) %}
    {% endif %}
    {% do exceptions.raise_compiler_error(
        relation ~ ': columns were removed or retyped since it was made. Run it and what reads it with --full-refresh: dbt run -s '
        ~ model.name ~ '+ --full-refresh'
    ) %}
{% endmacro %}

{# Columns that a table has gained and that follow from its others, of the rows that are there: meta.worked_out = {column: SQL}. #}
{% macro work_out(relation, added) %}
    {% set worked_out = config.get('meta', {}).get('worked_out', {}) %}
    {% set names = model.columns.keys() | list %}
    {% for index in added if names[index] in worked_out %}
        {% call statement('work_out') %}
            update {{ relation }} set {{ names[index] }} = {{ in_reporting_timezone(worked_out[names[index]]) }}
        {% endcall %}
    {% endfor %}
{% endmacro %}

{#
    What events say of the columns that a table of facts has gained may still be in landing: `landfall migrate` fills them from there
    (warehouse/backfill.py). `added`: their places in the contract. One pass for all that is asked for before it begins.
#}
{% macro request_backfill(relation, added) %}
    {% set position = ['event_key', 'load_id', 'topic_id', 'kafka_partition', 'kafka_offset'] %}
    {% if config.get('incremental_strategy') != 'insert_new' or position | reject('in', model.columns) | list %}
        {% do return(none) %}
    {% endif %}
    {% set names = [] %}
    {% for column in model.columns.values() %}
        {% if loop.index0 in added %} {% do names.append("'" ~ column.name ~ "'") %} {% endif %}
    {% endfor %}
    {% for key in model.depends_on.nodes if graph_node(key) and graph_node(key).config.materialized == 'view' %}
        {% set view = graph_node(key) %}
        {% for source in view.depends_on.nodes if landed_stream(graph_node(source)) %}
            {% call statement('request_backfill') %}
                with joined as (
                    update ops.backfills
                    set column_names = column_names || array[{{ names | join(', ') }}]
                    where relation = '{{ progress_key(relation) }}' and until_load_id is null and finished_at is null
                    returning 1
                )

                insert into ops.backfills (relation, stream, staged, column_names)
                select
                    '{{ progress_key(relation) }}',
                    '{{ landed_stream(graph_node(source)) }}',
                    '{{ view.schema }}.{{ view.alias }}',
                    array[{{ names | join(', ') }}]
                where not exists (select from joined)
            {% endcall %}
        {% endfor %}
    {% endfor %}
{% endmacro %}

{# The name that Postgres itself shows for a type: `timestamptz` is `timestamp with time zone`. #}
{% macro type_name(data_type) %}
    {% do return(run_query("select to_regtype('" ~ data_type ~ "')::text").rows[0][0]) %}
{% endmacro %}
