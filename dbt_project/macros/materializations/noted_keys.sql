{#
    Keys whose rows have changed in a model's table, for the models that read it: what a login, an earlier session or a bot found late
    changes is often of other days than the event that told it. meta.noted = [{kind: visitor, key: visitor_key}, {kind: day, day: …}]: of
    each row that comes or goes, Postgres notes these expressions (`key` uuid, `day` date, `number` integer) in ops.noted_keys, in the
    transaction that writes the rows. Rows that come out as they were are not written, so they are not noted.
#}
{% macro create_note_triggers(relation) %}
    {% set noted = config.get('meta', {}).get('noted', []) %}
    {% for event, tables in [('insert', 'new table as new_rows'), ('delete', 'old table as old_rows'), ('update', 'old table as old_rows new table as new_rows')] %}
        {% call statement('note_trigger') %}
            drop trigger if exists note_keys_of_{{ event }} on {{ relation }};
            {% if noted %}
            create trigger note_keys_of_{{ event }} after {{ event }} on {{ relation }} referencing {{ tables }}
            for each statement execute function ops.note_keys(
                {{ text_literal(progress_key(relation)) }}, {{ text_literal(in_reporting_timezone(tojson(noted))) }}
            )
            {% endif %}
        {% endcall %}
    {% endfor %}
{% endmacro %}

{# The statement that goes before those of such a model, with bounds in it that a script's numbers replace. #}
{% macro begin_noting(relation, upstreams) -%}
    {%- if config.get('meta', {}).get('noted') -%}
        {%- for stream in upstreams -%}
            select ops.begin_noting('{{ progress_key(relation) }}', {{ position_of(stream) }}, {{ reads_to(stream) }});
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#
    The keys of a kind that a relation has noted since this model last read it, as noted_key, noted_day and noted_number: a subquery. A
    model at its start reads those of all rows, by the same expressions as in meta.noted.
#}
{% macro noted(relation, kind, key='null::uuid', day='null::date', number='null::integer', stream='product_views') -%}
    {%- set all_rows -%}
        select distinct {{ key }} as noted_key, {{ day }} as noted_day, {{ number }} as noted_number from {{ relation }}
    {%- endset -%}
    {%- if reads_everything() -%}
        {{ all_rows }}
    {%- else -%}
        select distinct n.noted_key, n.noted_day, n.noted_number from ops.noted_keys as n
        where
            n.noter = (select noter from ops.noters where relation = '{{ progress_key(relation) }}' and kind = '{{ kind }}')
            and n.load_id >= {{ position_of(stream) }}{{ '' if recounts_days() else ' + 1' }} and n.load_id <= {{ reads_to(stream) }}
        union all
        {{ all_rows }}
        where {{ position_of(stream) }} = 0 and {{ reads_to(stream) }} > 0
    {%- endif -%}
{%- endmacro %}

{# Days that a daily table counts again whatever has changed (`landfall refresh --from DAY --to DAY`), as noted_day. #}
{% macro recounted_days() -%}
    {%- if recounts_days() and not reads_everything() -%}
        select day::date as noted_day
        from generate_series(timestamp '{{ var("from_day") }}', timestamp '{{ var("to_day") }}', interval '1 day') as days (day)
    {%- else -%}
        select null::date as noted_day where false
    {%- endif -%}
{%- endmacro %}

{# Keys of a relation's rows of these days, as noted_key: what is worked out by key is worked out again for them, as a rule may have changed. #}
{% macro keys_of_recounted_days(relation, key, event_at) -%}
    {%- if recounts_days() and not reads_everything() -%}
        select {{ key }} as noted_key, null::date as noted_day, null::integer as noted_number from {{ relation }}
        where {{ is_of_recounted_days(event_at) }}
    {%- else -%}
        select null::uuid as noted_key, null::date as noted_day, null::integer as noted_number where false
    {%- endif -%}
{%- endmacro %}
