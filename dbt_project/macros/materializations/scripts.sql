{#
    What an incremental_by_load model executes where there is something new: SQL of its strategy, in which the bounds of what it reads
    are subqueries, and the texts of these. Postgres runs it (ops.run_script, of database/migrations): called by the materialization
    here, and by passes without dbt (warehouse/scripts.py), which read it from ops.model_scripts.
    A fact's keys that change loads name: meta.changes names the kinds of change (ops.changes.kind) and the fact's columns:
    {user_agent: user_agent_key}.
#}
{% macro script_of(relation, sql, upstreams) %}
    {% set statements = context[strategy_macro(config.get('incremental_strategy'))]({
        'target_relation': relation,
        'unique_key': unique_key_columns(),
        'dest_columns': model.columns.keys() | list,
        'sql': sql,
    }) %}
    {% set bounds, reads = {}, {} %}
    {% for stream in upstreams | sort %}
        {% do reads.update({stream: upstreams[stream] | unique | sort}) %}
        {% do bounds.update({stream: {
            'position': position_of(stream),
            'reads_to': reads_to(stream),
            'min_landed_at': landed_at_of_new_loads(stream, 'min'),
            'max_landed_at': landed_at_of_new_loads(stream, 'max'),
            'facts_kept_from': facts_kept_from(stream),
        }}) %}
    {% endfor %}
    {# without the name of the database: a copy of it under another name runs the same #}
    {% set script = {
        'relation': progress_key(relation),
        'reads': reads,
        'bounds': bounds,
        'statements': (begin_noting(relation, upstreams) ~ statements) | trim | replace('"' ~ relation.database ~ '".', ''),
        'changes': config.get('meta', {}).get('changes', {}),
    } %}
    {% do script.update({'script_md5': local_md5(tojson(script, sort_keys=true))}) %}
    {% do return(script) %}
{% endmacro %}


{#
    Runs it. Stored first, in the transaction that writes its rows, where it is another than what stands there; but not with days that are
    counted again, which it then names. `turn`: see take_turn. Returns the rows written, none where there was nothing new.
#}
{% macro run_script(script, turn, from_start) %}
    {% set project = env_var('LANDFALL_PROJECT_MD5', '') %}
    {% set is_stored = turn.script_md5 == script.script_md5 and project in ('', turn.project) %}
    {% set in_any_case = reads_nothing() or (recounts_days() and (config.get('meta', {}).get('event_day') or 'from ops.noted_keys as n' in script.statements)) %}
    {% call statement('main', fetch_result=true) %}
        {% if not recounts_days() and not is_stored %}
            insert into ops.model_scripts (relation, reads, bounds, statements, changes, script_md5, project)
            values (
                {{ text_literal(script.relation) }},
                {{ text_literal(tojson(script.reads)) }},
                {{ text_literal(tojson(script.bounds)) }},
                {{ text_literal(script.statements) }},
                {{ text_literal(tojson(script.changes)) }},
                '{{ script.script_md5 }}',
                {{ text_literal(project) }}
            )
            on conflict (relation) do update set
                reads = excluded.reads,
                bounds = excluded.bounds,
                statements = excluded.statements,
                changes = excluded.changes,
                script_md5 = excluded.script_md5,
                project = excluded.project,
                built_at = excluded.built_at;
        {% endif %}

        select ops.run_script(script, '{{ invocation_id }}', {{ from_start }}, {{ reads_nothing() }}, {{ 'true' if in_any_case else 'false' }})
        from
        {% if recounts_days() %}
            jsonb_populate_record(null::ops.model_scripts, {{ text_literal(tojson(script)) }}) as script
        {% else %}
            ops.model_scripts as script where script.relation = {{ text_literal(script.relation) }}
        {% endif %}
    {% endcall %}
    {% set rows = load_result('main').data[0][0] %}
    {# what dbt shows and counts are the rows, and not the one that the function returns #}
    {% if rows is none %}
        {% do store_raw_result('main', message='NOTHING NEW', code='NOTHING NEW', rows_affected=0) %}
    {% else %}
        {% do store_raw_result('main', message='INSERT 0 ' ~ rows, code='INSERT', rows_affected=rows) %}
    {% endif %}
    {% do return(rows) %}
{% endmacro %}
