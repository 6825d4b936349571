{#
    insert_new: for facts, which never change. Rows whose key is there already are duplicates and left out; as loads are read in
    their order, the first one landed is the one that stays.
#}
{% macro get_incremental_insert_new_sql(arguments) %}
    {% set columns = arguments.dest_columns | join(', ') %}
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from ({{ arguments.sql }}) as new_rows
    on conflict do nothing
{% endmacro %}


{#
    rebuild_buckets: for aggregates. unique_key names the columns of the bucket (an hour, a window). The model gives all rows of
    every bucket that new events touch; a bucket without rows is one row whose other key columns are null: it is deleted and
    nothing is put in its place.
#}
{% macro get_incremental_rebuild_buckets_sql(arguments) %}
    {% set target = arguments.target_relation %}
    {% set columns = arguments.dest_columns | join(', ') %}
    {% set bucket = arguments.unique_key if arguments.unique_key is sequence and arguments.unique_key is not string else [arguments.unique_key] %}
    create temporary table {{ target.identifier }}_rebuilt on commit drop as {{ arguments.sql }};

    {# a temporary table has no statistics of its own accord #}
    analyze {{ target.identifier }}_rebuilt;

    delete from {{ target }} as t
    using (select distinct {{ bucket | join(', ') }} from {{ target.identifier }}_rebuilt) as touched
    where {% for column in bucket %}t.{{ column }} = touched.{{ column }}{{ ' and ' if not loop.last }}{% endfor %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ target.identifier }}_rebuilt
    where num_nulls({{ primary_key(model) | join(', ') }}) = 0
{% endmacro %}


{# keep_greatest: for high-water marks. Columns outside unique_key only ever rise, so order and repetition do not matter. #}
{% macro get_incremental_keep_greatest_sql(arguments) %}
    {% set columns = arguments.dest_columns | join(', ') %}
    insert into {{ arguments.target_relation }} as t ({{ columns }})
    select {{ columns }} from ({{ arguments.sql }}) as new_rows
    on conflict ({{ arguments.unique_key | join(', ') }}) do update set
    {% for column in arguments.dest_columns if column not in arguments.unique_key -%}
        {{ column }} = greatest(t.{{ column }}, excluded.{{ column }}) {{- ', ' if not loop.last }}
    {%- endfor %}
{% endmacro %}
