{#
    Facts in partitions: `partition_by: event_at` of a model with the strategy insert_new makes its table one of Postgres' tables that are
    partitioned by range of that time. Indexes then stay small and hot, and who asks for some days reads these. A pass makes the
    partitions that its events need (ops.make_partitions of database/migrations/0031_fact_partitions.sql) before it inserts.

    Postgres holds a key of each partition alone, so the primary key of the contract ends with that time, and one row per event key over
    all partitions is held where rows go in: behind the model's lock, which all who write the table take, rows whose key is there
    already are taken out of the batch, as are those whose fact was let go, and events from before what is kept (let_go.sql). A table
    that was made before and that `landfall migrate` has not moved yet holds its old key, and refuses by that.
#}
{% macro insert_into_partitions_sql(arguments) %}
    {% set target, time = arguments.target_relation, config.get('partition_by') %}
    {% set batch = target.identifier ~ '_new' %}
    {% set columns = arguments.dest_columns | join(', ') %}
    create temporary table {{ batch }} on commit drop as
    select {{ columns }} from ({{ arguments.sql }}) as new_rows order by {{ time }};

    select ops.keep_first_landed('{{ progress_key(target) }}', '{{ batch }}');

    select ops.take_out_known_keys('{{ progress_key(target) }}', '{{ batch }}');

    select ops.take_out_let_go('{{ upstream_positions(model) | sort | first }}', '{{ batch }}');

    select ops.make_partitions(
        '{{ progress_key(target) }}',
        array(select date_trunc('month', {{ time }}, 'UTC') from {{ batch }} group by 1),
        '{{ batch }}',
        '{{ columns }}'
    );

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ batch }}
{% endmacro %}


{# What follows the columns where the table is made. #}
{% macro partition_clause() -%}
    {% if config.get('partition_by') %} partition by range ({{ config.get('partition_by') }}) {% endif %}
{%- endmacro %}


{# What a model with partition_by must have. `said`: how an error begins. #}
{% macro check_partition_by(model, said) %}
    {% if config.get('partition_by') and (
        config.get('partition_by') != 'event_at'
        or config.get('incremental_strategy') != 'insert_new'
        or primary_key(model) != ['event_key', 'event_at']
    ) %}
        {% do exceptions.raise_compiler_error(
            said ~ ' has partition_by: that is event_at, of facts, with incremental_strategy insert_new and the primary key (event_key,'
            ~ ' event_at).'
        ) %}
    {% endif %}
{% endmacro %}
