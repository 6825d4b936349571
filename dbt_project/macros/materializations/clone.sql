{#
    `dbt clone` of a table that is filled load by load: a copy of its rows and of its position, so that the next run goes on from there.
    dbt's own, a view of the other environment's table, has no position, and the next run would begin at nothing. All else is dbt's own.
#}
{% materialization clone, adapter='postgres' %}
    {% if not is_by_load(model) or not defer_relation %}
        {% do return(context['materialization_clone_default']()) %}
    {% endif %}
    {% set relation = this.incorporate(type='table') %}
    {% do lock_definition(relation) %}
    {% set existing = relation_in_database(relation) %}
    {% if existing and not should_full_refresh() %}
        {% do log(relation ~ ' is there already: dbt clone --full-refresh makes it anew.', info=true) %}
        {% do return({'relations': []}) %}
    {% endif %}

    {% if existing %}
        {% call statement('drop_existing') %} drop {{ existing.kind }} {{ relation }} cascade {% endcall %}
    {% endif %}
    {# its other indexes, under names of its own, are made by the next run, which finds no definition recorded #}
    {% call statement('create_table') %}
        create table {{ relation }} (
            like {{ defer_relation }} including all excluding indexes,
            primary key ({{ primary_key(model) | join(', ') }})
        ) {{ partition_clause() }};
        {% if config.get('partition_by') %}
            select ops.make_partitions('{{ progress_key(relation) }}', array(
                select date_trunc('month', {{ config.get('partition_by') }}, 'UTC') from {{ defer_relation }} group by 1
            ));
        {% endif %}
        update ops.model_definition
        set
            definition_md5 = '',
            reporting_timezone = (
                select reporting_timezone from ops.model_definition where relation = '{{ progress_key(defer_relation) }}'
            )
        where relation = '{{ progress_key(relation) }}'
    {% endcall %}
    {# one statement, so one snapshot: rows and position belong together #}
    {% call statement('main') %}
        with copied as (insert into {{ relation }} select * from {{ defer_relation }})

        insert into ops.model_progress (relation, source, position, reads_to)
        select '{{ progress_key(relation) }}', source, position, position
        from ops.model_progress
        where relation = '{{ progress_key(defer_relation) }}'
        on conflict (relation, source) do update set
            position = excluded.position,
            reads_to = excluded.reads_to,
            updated_at = clock_timestamp()
    {% endcall %}
    {% do apply_grants(relation, config.get('grants'), should_revoke=true) %}
    {% do adapter.commit() %}
    {% do return({'relations': [relation]}) %}
{% endmaterialization %}
