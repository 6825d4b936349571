{#
    insert_new: for facts, which never change. Rows whose key is there already are duplicates and left out; as loads are read in
    their order, the first one landed is the one that stays. What is known of a fact's user agent or address may change: see meta.changes
    in scripts.sql. Events go in by time: what happened together then lies together, also after a backlog. Tables in partitions: see
    partitions.sql.
#}
{% macro by_load_insert_new_sql(arguments) %}
    {% if config.get('partition_by') %} {% do return(insert_into_partitions_sql(arguments)) %} {% endif %}
    {% set columns = arguments.dest_columns | join(', ') %}
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from ({{ arguments.sql }}) as new_rows
    {% if 'event_at' in arguments.dest_columns %} order by event_at {% endif %}
    on conflict do nothing
{% endmacro %}


{#
    rebuild_buckets: for aggregates. unique_key names the columns of the bucket (an hour, a window). The model gives all rows of
    every bucket that new events touch; a bucket without rows is one row whose other key columns are null: what it held is deleted,
    and nothing is put in its place. Rows that come out as they were are left alone: most of a bucket's do, and writing them again
    would cost WAL and dead rows at each refresh. Those that come out with other values are changed in place: where no index has such
    a value, in their page and in no index. New rows go in by their key, so by time: who counts a day again reads and changes few
    pages, also after a backlog.

    When days are counted again (recounted_days.sql), rows of these days whose bucket no event touches any more go too;
    meta.event_day gives the day of a row. Rows of days whose facts were let go (let_go.sql) stay as they are, whatever the model gives.
#}
{% macro by_load_rebuild_buckets_sql(arguments) %}
    {% set target = arguments.target_relation %}
    {% set rebuilt = target.identifier ~ '_rebuilt' %}
    {% set columns = arguments.dest_columns | join(', ') %}
    {% set bucket = arguments.unique_key %}
    {% set key = primary_key(model) %}
    {% set values = arguments.dest_columns | reject('in', key) | list %}
    create temporary table {{ rebuilt }} on commit drop as {{ arguments.sql }};

    {% if is_counted_by_day(model) %}
    delete from {{ rebuilt }} as r
    where
        {{ something_is_let_go(upstream_positions(model)) }} and (
            {{ is_let_go_row() }}
            or exists (select from {{ target }} as t where {{ same_columns('r', 't', key) }} and {{ is_let_go_row() }})
        );
    {% endif %}

    {# a temporary table has no statistics of its own accord; of the columns that it is joined by alone #}
    select ops.analyze_batch('{{ rebuilt }}', '{{ (bucket + key) | unique | join(', ') }}');

    delete from {{ target }} as t
    where
        (
            ({{ bucket | join(', ') }}) in (select distinct {{ bucket | join(', ') }} from {{ rebuilt }})
            {% if recounts_days() and config.get('meta', {}).get('event_day') %}
            or ({{ in_reporting_timezone(config.get('meta').event_day) }}) between date '{{ var("from_day") }}' and date '{{ var("to_day") }}'
            {% endif %}
        )
        and not exists (select from {{ rebuilt }} as r where {{ same_columns('r', 't', key) }})
        {%- if is_counted_by_day(model) %}
        and not {{ is_let_go_row() }}
        {%- endif %};

    {# not by `on conflict do update`, which locks each row first, and logs that #}
    {% if values %}
    with changed as (
        update {{ target }} as t
        set {% for column in values %}{{ column }} = r.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ rebuilt }} as r
        where
            {{ same_columns('r', 't', key) }}
            and ({% for column in values %}r.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
            is distinct from ({% for column in values %}t.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        returning true
    )

    -- ops.execute_statements adds them to the rows of the last statement
    select set_config('landfall.rows_changed', count(*)::text, true) from changed;
    {% endif %}

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ rebuilt }} as r
    where
        {# not by num_nulls, of which the planner expects one row in two hundred, and then looks each row up #}
        {% for column in key %}{{ column }} is not null and {% endfor %}not exists (select from {{ target }} as t where {{ same_columns('r', 't', key) }})
    order by {{ key | join(', ') }}
{% endmacro %}

{% macro same_columns(left, right, columns) -%}
    {% for column in columns %}{{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# keep_greatest: for high-water marks. Columns outside unique_key only ever rise, so order and repetition do not matter. #}
{% macro by_load_keep_greatest_sql(arguments) %}
    {{ upsert_sql(arguments, added=[]) }}
{% endmacro %}


{#
    add_up: for counts of everything ever seen. meta.added names the columns that are added to those of the row that is there; the
    others outside unique_key rise to the greatest. Right because a load is read once: the position moves in the same transaction.
    The model reads unread_loads(stream, 'load_id'), never what has merely changed.
#}
{% macro by_load_add_up_sql(arguments) %}
    {{ upsert_sql(arguments, added=config.get('meta').added) }}
{% endmacro %}

{# Of rows whose unique_key is there already, the columns `added` are summed up, and the others rise to the greatest. #}
{% macro upsert_sql(arguments, added) %}
    {% set columns = arguments.dest_columns | join(', ') %}
    insert into {{ arguments.target_relation }} as t ({{ columns }})
    select {{ columns }} from ({{ arguments.sql }}) as new_rows
    on conflict ({{ arguments.unique_key | join(', ') }}) do update set
    {% for column in arguments.dest_columns if column not in arguments.unique_key -%}
        {{ column }} = {% if column in added %}t.{{ column }} + excluded.{{ column }}{% else %}greatest(t.{{ column }}, excluded.{{ column }}){% endif %}
        {{- ', ' if not loop.last }}
    {%- endfor %}
{% endmacro %}
