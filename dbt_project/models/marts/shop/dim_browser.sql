with names as (
    select distinct browser from {{ ref('dim_user_agent') }}
    union distinct
    -- of requests without an agent
    select {{ or_none('null') }} as browser
),

final as (
    select
        {{ text_key('browser') }} as browser_key,
        browser
    from names
)

select * from final
