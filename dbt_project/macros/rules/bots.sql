{# Why an event counts as a bot's, or null for a person. An empty agent is not a bot. The one place of this rule. #}
{% macro bot_reason(user_agent, resolution) -%}
    case
        when {{ resolution }} = '2000x2000' then 'crawler_resolution'
        when {{ user_agent }} ~* '{{ var("bot_user_agents") }}' then 'user_agent'
    end
{%- endmacro %}
