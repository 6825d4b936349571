{#
    Host of a URL in lower case, without user and port; `file://` for a page that was saved to a file, null where there is none.
#}
{% macro url_host(url) -%}
    case
        when {{ url }} ~* '^file:' then 'file://'
        else nullif(lower(substring({{ url }} from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)')), '')
    end
{%- endmacro %}

{# Whether a host is none of a production shop's, by pattern: those of staging and test, and pages saved to a file. #}
{% macro is_not_production(host) -%}
    coalesce(
        {{ host }} = 'file://'
        or {{ host }} ~ '\.local$'
        or {{ host }} ~ '^(www\.)?(stage|test|dev)[0-9]*[.-](www\.)?({{ var("shop_brands") | join("|") }})\.[a-z]+(\.[a-z]{2})?$',
        false
    )
{%- endmacro %}
