with names as (
    select distinct os from {{ ref('dim_user_agent') }}
    union distinct
    -- of requests without an agent
    select {{ or_none('null') }} as os
),

final as (
    select
        {{ text_key('os') }} as os_key,
        os
    from names
)

select * from final
